// How many CPUs this process may use: its affinity, cut by the container's limit (cgroup v1 and v2).
#pragma once

namespace athanor {

int available_cpus();  // at least 1

}  // namespace athanor
