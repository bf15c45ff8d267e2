// The few functions of ONNX Runtime's C API that face_age.cpp calls.
//
// The library exports OrtGetApiBase(), whose GetApi(version) gives a table of function
// pointers. The table only ever grows at its end, so a function's place in it is part of the
// ABI: these are the places since version 1 (ONNX Runtime 1.0, 102 functions). Where ONNX
// Runtime's own headers are at hand, use those instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace ort {

struct Env;
struct MemoryInfo;
struct RunOptions;
struct Session;
struct SessionOptions;
struct Status;  // a null pointer is success
struct Value;

constexpr std::uint32_t API_VERSION = 1;
constexpr int WARNINGS = 2;       // OrtLoggingLevel
constexpr int UINT8 = 2;          // ONNXTensorElementDataType
constexpr int ARENA = 1;          // OrtAllocatorType
constexpr int DEFAULT_MEMORY = 0; // OrtMemType

using Table = void* const*;

struct ApiBase {
  Table (*get_api)(std::uint32_t version);
  const char* (*get_version)();
};

extern "C" const ApiBase* OrtGetApiBase();

// Places in the table.
enum Place : std::size_t {
  GetErrorMessage = 2,
  CreateEnv = 3,
  CreateSession = 7,
  Run = 9,
  CreateSessionOptions = 10,
  SetIntraOpNumThreads = 24,
  CreateTensorWithData = 49,
  GetTensorMutableData = 51,
  CreateCpuMemoryInfo = 69,
  ReleaseEnv = 92,
  ReleaseStatus = 93,
  ReleaseMemoryInfo = 94,
  ReleaseSession = 95,
  ReleaseValue = 96,
  ReleaseSessionOptions = 100,
};

template <typename Function>
Function at(Table table, Place place) {
  return reinterpret_cast<Function>(table[place]);
}

// Frees an object of the library's by the function at its place.
struct Release {
  Table table;
  Place place;

  template <typename Object>
  void operator()(Object* object) const {
    at<void (*)(Object*)>(table, place)(object);
  }
};

template <typename Object>
using Owner = std::unique_ptr<Object, Release>;

}  // namespace ort
