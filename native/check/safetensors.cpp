#include "check/safetensors.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/error.h"

namespace athanor {

namespace {

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  Json value() {
    switch (peek()) {
      case '{': return object();
      case '[': return list();
      case '"': return string();
      default: return word();
    }
  }

 private:
  [[noreturn]] void fail() {
    throw Error(ErrorCode::data, "json: unexpected text at " + std::to_string(at_));
  }

  char peek() {
    while (at_ < text_.size() && std::strchr(" \n\r\t", text_[at_])) at_++;
    if (at_ >= text_.size()) fail();
    return text_[at_];
  }

  bool take(char c) {
    if (peek() != c) return false;
    at_++;
    return true;
  }

  Json string() {
    Json json;
    json.kind = Json::Kind::text;
    if (!take('"')) fail();
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\') at_++;
      json.text += text_[at_++];
    }
    at_++;
    return json;
  }

  Json list() {
    Json json;
    json.kind = Json::Kind::list;
    take('[');
    if (take(']')) return json;
    do json.list.push_back(value());
    while (take(','));
    if (!take(']')) fail();
    return json;
  }

  Json object() {
    Json json;
    json.kind = Json::Kind::object;
    take('{');
    if (take('}')) return json;
    do {
      std::string key = (peek(), string()).text;
      if (!take(':')) fail();
      json.object[key] = value();
    } while (take(','));
    if (!take('}')) fail();
    return json;
  }

  Json word() {
    Json json;
    auto is = [&](const char* word) { return text_.compare(at_, std::strlen(word), word) == 0; };
    if (is("null")) {
      at_ += 4;
    } else if (is("true") || is("false")) {
      json.kind = Json::Kind::boolean;
      json.number = text_[at_] == 't';
      at_ += json.number != 0 ? 4 : 5;
    } else {
      json.kind = Json::Kind::number;
      char* end = nullptr;
      json.number = std::strtod(text_.c_str() + at_, &end);
      if (end == text_.c_str() + at_) fail();
      at_ = static_cast<size_t>(end - text_.c_str());
    }
    return json;
  }

  const std::string& text_;
  size_t at_ = 0;
};

template <class From>
void widen(const char* source, size_t count, std::vector<int32_t>& target) {
  for (size_t i = 0; i < count; i++) {
    From value;
    std::memcpy(&value, source + i * sizeof(From), sizeof(From));
    target.push_back(static_cast<int32_t>(value));
  }
}

FixtureTensor read_tensor(const Json& entry, const char* data) {
  FixtureTensor tensor;
  for (const Json& size : entry["shape"].list) {
    tensor.shape.dims[tensor.shape.rank++] = static_cast<int64_t>(size.number);
  }
  size_t count = static_cast<size_t>(tensor.shape.count());
  const char* source = data + static_cast<size_t>(entry["data_offsets"].list[0].number);
  const std::string& dtype = entry["dtype"].text;
  if (dtype == "F32") {
    tensor.values.resize(count);
    if (count) std::memcpy(tensor.values.data(), source, count * 4);
  } else if (dtype == "I64") {
    widen<int64_t>(source, count, tensor.integers);
  } else if (dtype == "I32") {
    widen<int32_t>(source, count, tensor.integers);
  } else if (dtype == "BOOL" || dtype == "U8") {
    widen<uint8_t>(source, count, tensor.integers);
  } else {
    throw Error(ErrorCode::data, "fixtures: no reader for dtype " + dtype);
  }
  return tensor;
}

}  // namespace

const Json& Json::operator[](const std::string& key) const {
  auto found = object.find(key);
  if (found == object.end()) throw Error(ErrorCode::data, "json: no key " + key);
  return found->second;
}

Json parse_json(const std::string& text) {
  return Parser(text).value();
}

std::string read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::data, path + ": cannot be opened");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::map<std::string, FixtureTensor> read_safetensors(const std::string& path) {
  std::string bytes = read_text_file(path);
  uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), 8);
  Json header = parse_json(bytes.substr(8, header_size));
  std::map<std::string, FixtureTensor> tensors;
  for (const auto& entry : header.object) {
    if (entry.first != "__metadata__")
      tensors[entry.first] = read_tensor(entry.second, bytes.data() + 8 + header_size);
  }
  return tensors;
}

}  // namespace athanor
