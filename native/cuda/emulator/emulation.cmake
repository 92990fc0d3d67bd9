# CUDA sources compiled as C++ against this folder instead of the CUDA toolkit: -DATHANOR_CUDA_EMULATION=ON.
file(GLOB emulator_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} native/cuda/emulator/*.cpp)
file(GLOB cuda_host_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} native/cuda/*.cpp)

set(kernel_options -ffp-contract=fast -fno-strict-aliasing -Wno-parentheses -Wno-unknown-pragmas
                   -Wno-unused-parameter -Wno-unused-variable)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  list(APPEND kernel_options -march=x86-64-v3)
endif()
set(emulated_options -x c++ ${kernel_options} "$<TARGET_PROPERTY:KERNEL_OPTIMIZATION>")
# -O3 of the release build gains nothing here; sanitizers take half the time to compile with -O1 and short debug records.
if(NOT ATHANOR_SANITIZE AND NOT ATHANOR_SANITIZE_THREAD)
  set(kernel_optimization -O2)
else()
  set(kernel_optimization -O1)
endif()
set_target_properties(engine PROPERTIES KERNEL_OPTIMIZATION ${kernel_optimization})
set(emulated_sources ${cuda_sources} ${host_check_sources} ${device_check_sources})
set_source_files_properties(${emulated_sources} PROPERTIES LANGUAGE CXX)
set_source_files_properties(${emulated_sources} PROPERTIES COMPILE_OPTIONS "${emulated_options}")

# The race detector must see the kernels, not the machinery that runs them.
set(emulator_unseen native/cuda/emulator/fiber.cpp native/cuda/emulator/mbarrier.cpp native/cuda/emulator/run.cpp
                    native/cuda/emulator/sentence.cpp native/cuda/emulator/shared.cpp)
set(emulator_unseen_options -fno-sanitize=thread -DEMULATOR_THREAD_SANITIZER)
if(ATHANOR_SANITIZE_THREAD)
  set_source_files_properties(${emulator_unseen} PROPERTIES COMPILE_OPTIONS "${emulator_unseen_options}")
endif()

target_sources(engine PRIVATE ${cuda_sources} ${cuda_host_sources} ${emulator_sources})
target_include_directories(engine BEFORE PUBLIC native/cuda/emulator)
target_compile_definitions(engine PUBLIC WITH_CUDA CUDA_EMULATED)

# kernel_check_address and kernel_check_thread: kernels and emulator with a sanitizer, checks and the rest of the engine
# as they are. The engine's own copies of these sources stay unused in its archive.
function(add_sanitized_kernel_check name)
  set(sources ${cuda_sources} ${cuda_host_sources} ${emulator_sources} ${device_check_sources})
  if(name STREQUAL "thread")
    list(REMOVE_ITEM sources ${emulator_unseen})
    add_library(emulator_unseen OBJECT EXCLUDE_FROM_ALL ${emulator_unseen})
    target_include_directories(emulator_unseen PRIVATE native/cuda/emulator native)
    target_compile_options(emulator_unseen PRIVATE -O2 -DCUDA_EMULATED ${emulator_unseen_options})
    list(APPEND sources $<TARGET_OBJECTS:emulator_unseen>)
  endif()
  add_executable(kernel_check_${name} EXCLUDE_FROM_ALL ${sources} $<TARGET_OBJECTS:kernel_checks>)
  set_target_properties(kernel_check_${name} PROPERTIES KERNEL_OPTIMIZATION -O1)
  # The kernels' options for all, so that all can use the headers that are compiled once.
  target_compile_options(kernel_check_${name} PRIVATE ${kernel_options} -O1 -g1 -fno-omit-frame-pointer ${ARGN})
  target_precompile_headers(kernel_check_${name} PRIVATE native/cuda/emulator/headers.h)
  target_link_options(kernel_check_${name} PRIVATE ${ARGN})
  target_link_libraries(kernel_check_${name} PRIVATE engine)
endfunction()
if(NOT ATHANOR_SANITIZE AND NOT ATHANOR_SANITIZE_THREAD)
  add_sanitized_kernel_check(address -fsanitize=address,undefined -fno-sanitize-recover=all)
  add_sanitized_kernel_check(thread -fsanitize=thread)
endif()
