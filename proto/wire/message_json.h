#ifndef BALLAST_PROTO_WIRE_MESSAGE_JSON_H_
#define BALLAST_PROTO_WIRE_MESSAGE_JSON_H_

#include <google/protobuf/message.h>

#include <string>

namespace ballast {

// Protobuf's JSON form with the field names of the .proto; fields of plain type are
// printed even if they are 0 or empty. One line, no line end. `ballastctl -o json` and
// the HTTP API print this and a line end.
std::string MessageJson(const google::protobuf::Message& message);

}  // namespace ballast

#endif  // BALLAST_PROTO_WIRE_MESSAGE_JSON_H_
