// Between mbarrier.cpp, tensor_map.cpp and the machinery of run.cpp.
#pragma once

#include "cuda/emulator/block.h"
#include "cuda/emulator/hopper.h"

namespace emulated {

// A box of a tensor that is to be copied.
struct Transfer {
  void* barrier;
  unsigned char* tile;
  CUtensorMap map;
  int at[3];
  Place place;
};

void add_transfer(const Transfer& transfer);
// tensor_map.cpp: returns the bytes of the box.
int carry_out(const Transfer& transfer);

}  // namespace emulated
