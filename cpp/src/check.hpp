// Errors inside the core: one exception with a status, caught at the C ABI. Its message is a sentence with the numbers.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace gemmconv {

enum class Status : int { ok, invalid_argument, unsupported, out_of_memory, internal };

class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string &message) : std::runtime_error(message), status(status) {}
  Status status;
};

// say(1, " of ", 2) == "1 of 2"
template <class... Parts>
std::string say(const Parts &...parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

// Throws invalid_argument with the message made of `parts` unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts &...parts) {
  if (!condition) throw Error(Status::invalid_argument, say(parts...));
}

}  // namespace gemmconv
