#include "client/ctl/json_reader.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace ballast::ctl {
namespace {

using nlohmann::json;

// Builds the document and knows at each moment where it is, which the library's own
// builder does not tell when a number can not be represented.
class PlacedReader {
 public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  explicit PlacedReader(const std::string& text) : text_(text) {}

  bool null() { return Value(nullptr); }
  bool boolean(bool value) { return Value(value); }
  bool number_integer(number_integer_t value) { return Value(value); }
  bool number_unsigned(number_unsigned_t value) { return Value(value); }
  bool number_float(number_float_t value, const string_t& /*text*/) { return Value(value); }
  bool string(string_t& value) { return Value(std::move(value)); }
  bool binary(binary_t& /*value*/) { return false; }

  bool start_object(std::size_t /*elements*/) { return Open(json::object()); }
  bool end_object() { return Close(); }
  bool start_array(std::size_t /*elements*/) { return Open(json::array()); }
  bool end_array() { return Close(); }

  bool key(string_t& value) {
    Frame& frame = frames_.back();
    if (!frame.keys.insert(value).second) {
      error_.emplace();
      error_->code = "INVALID_ARGUMENT";
      error_->message = absl::StrCat("key \"", value, "\" stands twice");
      error_->value = value;
      return false;
    }
    frame.key = value;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token,
                   const json::exception& exception) {
    constexpr int kNumberOverflow = 406;
    if (exception.id == kNumberOverflow) return NotFinite(token, "is too large for a number");
    // The reader stops at the first letter, which stands before `position`.
    const absl::string_view text = text_;
    const std::size_t end = std::min(position, text.size());
    for (const absl::string_view word : {"-Infinity", "Infinity", "NaN"}) {
      const std::size_t read = word[0] == '-' ? 2 : 1;
      if (end >= read && absl::StartsWith(text.substr(end - read), word)) {
        return NotFinite(std::string(word), "is not finite");
      }
    }
    return Malformed(position);
  }

  const std::optional<CtlError>& error() const { return error_; }
  json TakeDocument() { return std::move(document_); }

 private:
  struct Frame {
    json value;
    std::string key;             // Of the value being read, in an object.
    std::set<std::string> keys;  // All keys so far.
  };

  bool Value(json value) {
    if (frames_.empty()) {
      document_ = std::move(value);
      return true;
    }
    Frame& frame = frames_.back();
    if (frame.value.is_array()) {
      frame.value.push_back(std::move(value));
    } else {
      frame.value[frame.key] = std::move(value);
    }
    return true;
  }

  // Deeper than any input of ours; a limit keeps nested brackets from eating the stack.
  static constexpr std::size_t kMaxDepth = 64;

  bool Open(json empty) {
    if (frames_.size() == kMaxDepth) {
      error_.emplace();
      error_->code = "INVALID_ARGUMENT";
      error_->message = absl::StrCat("lists and objects are nested more than ", kMaxDepth, " deep");
      return false;
    }
    frames_.push_back({std::move(empty), "", {}});
    return true;
  }

  bool Close() {
    json value = std::move(frames_.back().value);
    frames_.pop_back();
    return Value(std::move(value));
  }

  bool NotFinite(const std::string& token, const char* fault) {
    error_.emplace();
    error_->code = "INVALID_ARGUMENT";
    error_->value = token;
    if (frames_.size() == 3 && frames_[0].key == "weight" && frames_[1].value.is_array() &&
        frames_[2].value.is_array()) {
      error_->layer = static_cast<int>(frames_[1].value.size());
      error_->expert = static_cast<int>(frames_[2].value.size());
      error_->message = absl::StrCat("layer ", *error_->layer, ", expert ", *error_->expert,
                                     ": weight ", token, " ", fault);
      return false;
    }
    const std::string place = frames_.empty() ? "" : frames_[0].key;
    error_->message = absl::StrCat(place, place.empty() ? "" : ": ", token, " ", fault);
    return false;
  }

  bool Malformed(std::size_t position) {
    const std::size_t end = std::min(position == 0 ? 0 : position - 1, text_.size());
    const std::string before = text_.substr(0, end);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t start = before.rfind('\n');
    const std::size_t column = end - (start == std::string::npos ? 0 : start + 1) + 1;
    error_.emplace();
    error_->exit_code = kExitUsage;
    error_->code = "INVALID_ARGUMENT";
    error_->message = absl::StrCat("input is no JSON: line ", line, ", column ", column,
                                   end == text_.size() ? ": it ends too early" : "");
    return false;
  }

  const std::string& text_;
  std::vector<Frame> frames_;  // Open objects and arrays, outermost first.
  json document_;
  std::optional<CtlError> error_;
};

}  // namespace

std::optional<CtlError> ReadJson(const std::string& text, json* document) {
  PlacedReader reader(text);
  if (!json::sax_parse(text, &reader)) return reader.error();
  *document = reader.TakeDocument();
  return std::nullopt;
}

}  // namespace ballast::ctl
