#include "client/trace_tool/topk_input.h"

#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace ballast {

absl::StatusOr<std::string> ReadInput(const std::string& path) {
  errno = 0;
  gzFile raw = path == "-" ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path.c_str(), "rb");
  if (raw == nullptr) {
    return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  }
  const std::unique_ptr<gzFile_s, decltype(&gzclose_r)> file(raw, &gzclose_r);
  std::string content;
  std::string chunk(1 << 20, '\0');
  while (true) {
    const int size = gzread(file.get(), chunk.data(), static_cast<unsigned>(chunk.size()));
    int code = Z_OK;
    const char* text = gzerror(file.get(), &code);
    if (size < 0 || code == Z_BUF_ERROR) {
      return absl::DataLossError(
          absl::StrCat(path, ": ", code == Z_ERRNO ? std::strerror(errno) : text));
    }
    if (size == 0) return content;
    content.append(chunk, 0, static_cast<std::size_t>(size));
    if (static_cast<std::int64_t>(content.size()) > kMaxInputBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": more than ", kMaxInputBytes, " bytes"));
    }
  }
}

}  // namespace ballast
