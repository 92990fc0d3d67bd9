// Reads fixture files: a JSON list of cases and a safetensors file of their tensors. For trusted files only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/shape.h"

namespace athanor {

// A JSON value; only what the fixtures hold.
struct Json {
  enum class Kind { null, boolean, number, text, list, object } kind = Kind::null;
  double number = 0;  // also of a boolean
  std::string text;
  std::vector<Json> list;
  std::map<std::string, Json> object;

  bool has(const std::string& key) const { return object.count(key) > 0; }
  const Json& operator[](const std::string& key) const;
};

Json parse_json(const std::string& text);
std::string read_text_file(const std::string& path);  // throws Error where it cannot be read

struct FixtureTensor {
  Shape shape;
  std::vector<float> values;      // F32
  std::vector<int32_t> integers;  // I64, I32, BOOL, U8
};

std::map<std::string, FixtureTensor> read_safetensors(const std::string& path);

}  // namespace athanor
