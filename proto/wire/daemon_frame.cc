#include "proto/wire/daemon_frame.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>

#include "ballast/v1/placement.pb.h"
#include "core/base/check.h"
#include "proto/wire/placement_wire.h"

namespace ballast {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

// The tag and the length of an embedded message.
std::string FieldHead(int field, std::size_t bytes) {
  std::string head;
  StringOutputStream out(&head);
  CodedOutputStream coded(&out);
  coded.WriteTag(WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  coded.WriteVarint64(bytes);
  coded.Trim();
  return head;
}

}  // namespace

std::string WelcomeFrame(const DaemonWelcome& welcome) {
  v1::DaemonMessage message;
  EncodeWelcome(welcome, message.mutable_welcome());
  return message.SerializeAsString();
}

std::string CommitFrame(const PlanOrder& order) {
  v1::DaemonMessage message;
  EncodeCommit(order, message.mutable_commit());
  return message.SerializeAsString();
}

std::string AbortFrame(const PlanOrder& order) {
  v1::DaemonMessage message;
  EncodeAbort(order, message.mutable_abort());
  return message.SerializeAsString();
}

std::string RetireFrame(const PlanOrder& order) {
  v1::DaemonMessage message;
  EncodeRetire(order, message.mutable_retire());
  return message.SerializeAsString();
}

std::string BookmarkFrame(const DaemonBookmark& bookmark) {
  v1::DaemonMessage message;
  EncodeBookmark(bookmark, message.mutable_bookmark());
  return message.SerializeAsString();
}

std::string GoAwayFrame(const DaemonGoAway& go_away) {
  v1::DaemonMessage message;
  EncodeGoAway(go_away, message.mutable_go_away());
  return message.SerializeAsString();
}

std::string PlacementBytes(const PlacementPlan& plan) {
  v1::PlacementTable table;
  EncodePlacement(plan, &table);
  return table.SerializeAsString();
}

std::string PrepareHead(const PrepareOrder& order, std::size_t placement_bytes) {
  v1::Prepare prepare;
  EncodePrepareFields(order, &prepare);
  std::string body = prepare.SerializeAsString();
  // Fields may come in any order, so the placement goes last.
  body += FieldHead(v1::Prepare::kPlacementFieldNumber, placement_bytes);
  return FieldHead(v1::DaemonMessage::kPrepareFieldNumber, body.size() + placement_bytes) + body;
}

}  // namespace ballast
