// Reads the affinity mask and, on Linux, the CPU quota of every cgroup above this process.
#include "cpu/available_cpus.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace athanor {
namespace {

#if defined(__linux__)

int from_quota(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return 0;
  int whole = static_cast<int>(quota / period);
  return quota > whole * period ? whole + 1 : whole;
}

// The limit that one cgroup folder states, or 0 for none.
int quota_of(const std::string& folder) {
  std::ifstream v2(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period) return quota == "max" ? 0 : from_quota(std::atof(quota.c_str()), period);
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
  double value = 0;
  if (quota_file >> value && period_file >> period) return from_quota(value, period);
  return 0;
}

// The least limit of `path` below `root` and of all its parents, or 0. Inside a container the path may not
// exist below the mount; the parents up to the mount itself are then what counts.
int quota_of_tree(const std::string& root, std::string path) {
  int least = 0;
  for (;;) {
    int limit = quota_of(root + path);
    if (limit > 0 && (least == 0 || limit < least)) least = limit;
    size_t slash = path.rfind('/');
    if (slash == std::string::npos) return least;
    path.resize(slash);
  }
}

int cgroup_limit() {
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  int least = 0;
  while (std::getline(groups, line)) {  // hierarchy:controllers:path
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (path == "/") path.clear();
    std::string mounts[] = {"", ""};
    if (controllers.empty()) {
      mounts[0] = "/sys/fs/cgroup";
      mounts[1] = "/sys/fs/cgroup/unified";
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      mounts[0] = "/sys/fs/cgroup/cpu";
      mounts[1] = "/sys/fs/cgroup/" + controllers;
    }
    for (const std::string& mount : mounts) {
      int limit = mount.empty() ? 0 : quota_of_tree(mount, path);
      if (limit > 0 && (least == 0 || limit < least)) least = limit;
    }
  }
  return least;
}

int affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 0;  // more than 1024 CPUs
  return CPU_COUNT(&set);
}

#else

int cgroup_limit() {
  return 0;
}
int affinity() {
  return 0;
}

#endif

}  // namespace

int available_cpus() {
  int cpus = affinity();
  if (cpus < 1) cpus = static_cast<int>(std::thread::hardware_concurrency());
  int limit = cgroup_limit();
  if (limit > 0 && (cpus < 1 || limit < cpus)) cpus = limit;
  return cpus < 1 ? 1 : cpus;
}

}  // namespace athanor
