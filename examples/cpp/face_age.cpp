// The age of face crops: face_age MODEL.onnx CROP.ppm...
//
// MODEL.onnx is a self-contained model (facelage export MODEL OUT.onnx --self-contained): its
// input is the crop's pixels as they are, of any size, so there is no preprocessing here. Crops
// are binary PPM files (P6, 8 bits), which every image tool writes.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "ort_api.h"

namespace {

struct Picture {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<std::uint8_t> rgb;  // rows from the top, three bytes a pixel
};

// A number of a PPM's head; a comment runs from # to the end of its line.
std::int64_t head_number(std::istream& file) {
  while ((file >> std::ws) && file.peek() == '#') {
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  std::int64_t number = 0;
  file >> number;
  return number;
}

Picture read_ppm(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic;
  if (!file || !(file >> magic) || magic != "P6") {
    throw std::runtime_error(path + ": not a binary PPM (P6); convert it, for example with "
                                    "ImageMagick: convert face.jpg face.ppm");
  }
  Picture picture;
  picture.width = head_number(file);
  picture.height = head_number(file);
  const auto largest = head_number(file);
  constexpr std::int64_t side = 1 << 15;
  if (!file || picture.width < 1 || picture.width > side || picture.height < 1 ||
      picture.height > side || largest != 255) {
    throw std::runtime_error(path + ": expected a picture of 8 bits, at most 32768 pixels a side");
  }
  file.get();  // the one space that ends the head
  picture.rgb.resize(static_cast<std::size_t>(picture.width * picture.height * 3));
  file.read(reinterpret_cast<char*>(picture.rgb.data()),
            static_cast<std::streamsize>(picture.rgb.size()));
  if (file.gcount() != static_cast<std::streamsize>(picture.rgb.size())) {
    throw std::runtime_error(path + ": the file ends before its pixels");
  }
  return picture;
}

class AgeModel {
 public:
  explicit AgeModel(const std::string& path) {
    if (table_ == nullptr) {
      throw std::runtime_error("this ONNX Runtime does not have the C API's first version");
    }
    env_ = made<ort::Env>(ort::ReleaseEnv, ort::CreateEnv, ort::WARNINGS, "face_age");
    const auto options = made<ort::SessionOptions>(ort::ReleaseSessionOptions,
                                                   ort::CreateSessionOptions);
    call(ort::SetIntraOpNumThreads, options.get(), 1);
    session_ = made<ort::Session>(ort::ReleaseSession, ort::CreateSession,
                                  static_cast<const ort::Env*>(env_.get()), path.c_str(),
                                  static_cast<const ort::SessionOptions*>(options.get()));
    memory_ = made<ort::MemoryInfo>(ort::ReleaseMemoryInfo, ort::CreateCpuMemoryInfo, ort::ARENA,
                                    ort::DEFAULT_MEMORY);
  }

  // The age in years of the face that fills `picture`.
  float age(Picture& picture) const {
    const std::int64_t shape[] = {1, picture.height, picture.width, 3};
    const auto crops = made<ort::Value>(
        ort::ReleaseValue, ort::CreateTensorWithData,
        static_cast<const ort::MemoryInfo*>(memory_.get()),
        static_cast<void*>(picture.rgb.data()), picture.rgb.size(), &shape[0], std::size_t{4},
        ort::UINT8);
    const char* const inputs[] = {"crops"};
    const char* const outputs[] = {"age"};
    const ort::Value* const given[] = {crops.get()};
    const auto found = made<ort::Value>(
        ort::ReleaseValue, ort::Run, session_.get(), static_cast<const ort::RunOptions*>(nullptr),
        &inputs[0], &given[0], std::size_t{1}, &outputs[0], std::size_t{1});
    void* years = nullptr;
    call(ort::GetTensorMutableData, found.get(), &years);
    return *static_cast<const float*>(years);
  }

 private:
  // Call a function of the table; what it complains of becomes an exception. The arguments must
  // have the very types of the function's parameters, since nothing else declares them.
  template <typename... Arguments>
  void call(ort::Place place, Arguments... arguments) const {
    using Function = ort::Status* (*)(Arguments...);
    const ort::Owner<ort::Status> status(ort::at<Function>(table_, place)(arguments...),
                                         {table_, ort::ReleaseStatus});
    if (status) {
      using Message = const char* (*)(const ort::Status*);
      throw std::runtime_error(ort::at<Message>(table_, ort::GetErrorMessage)(status.get()));
    }
  }

  // Call a function whose last parameter takes the object that it makes.
  template <typename Object, typename... Arguments>
  ort::Owner<Object> made(ort::Place release, ort::Place place, Arguments... arguments) const {
    Object* object = nullptr;
    call(place, arguments..., &object);
    return {object, {table_, release}};
  }

  template <typename Object>
  ort::Owner<Object> nothing(ort::Place release) const {
    return {nullptr, {table_, release}};
  }

  ort::Table table_ = ort::OrtGetApiBase()->get_api(ort::API_VERSION);
  ort::Owner<ort::Env> env_ = nothing<ort::Env>(ort::ReleaseEnv);
  ort::Owner<ort::Session> session_ = nothing<ort::Session>(ort::ReleaseSession);
  ort::Owner<ort::MemoryInfo> memory_ = nothing<ort::MemoryInfo>(ort::ReleaseMemoryInfo);
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::cerr << "usage: face_age MODEL.onnx CROP.ppm...\n";
    return 2;
  }
  int failures = 0;
  try {
    const AgeModel model(arguments[1]);
    for (int index = 2; index < count; ++index) {
      try {
        Picture picture = read_ppm(arguments[index]);
        std::printf("%s: %.2f years\n", arguments[index], model.age(picture));
      } catch (const std::exception& error) {  // one bad picture does not lose the others
        std::cerr << "face_age: " << error.what() << "\n";
        ++failures;
      }
    }
  } catch (const std::exception& error) {
    std::cerr << "face_age: " << error.what() << "\n";
    return 1;
  }
  return failures == 0 ? 0 : 1;
}
