#include "core/base/fingerprint.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace ballast {
namespace {

std::string Hex(absl::string_view text) { return DigestHex(Sha256(text)); }

// FIPS 180-2, appendix B.
TEST(FingerprintTest, Sha256GivesThePublishedVectors) {
  EXPECT_EQ(Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(FingerprintTest, Fingerprint64IsTheFirstEightBytesLittleEndian) {
  EXPECT_EQ(Fingerprint64("abc"), 0xeacf018fbf1678bau);
  EXPECT_EQ(DigestPrefix(Sha256("abc")), 0xeacf018fbf1678bau);
}

TEST(FingerprintTest, DigestHexCanBeShort) { EXPECT_EQ(DigestHex(Sha256("abc"), 4), "ba7816bf"); }

TEST(FingerprintTest, PlanIdTextIsTermSequenceAndHexPrefix) {
  EXPECT_EQ(PlanIdText({.version = {.term = 7, .sequence = 42}, .digest = Sha256("abc")}),
            "7.42 (ba7816bf)");
}

TEST(CanonicalBytesTest, IntegersAreLittleEndianAtAFixedWidth) {
  CanonicalBytes bytes;
  bytes.AppendU16(0x0102);
  bytes.AppendU32(0x03040506);
  bytes.AppendU64(0x0708090a0b0c0d0e);
  EXPECT_EQ(bytes.bytes(), "\x02\x01\x06\x05\x04\x03\x0e\x0d\x0c\x0b\x0a\x09\x08\x07");
}

TEST(CanonicalBytesTest, DoublesAreTheirBits) {
  CanonicalBytes bytes;
  bytes.AppendDouble(1.0);
  EXPECT_EQ(bytes.bytes(), absl::string_view("\0\0\0\0\0\0\xf0\x3f", 8));
}

TEST(CanonicalBytesTest, NegativeZeroIsZero) {
  CanonicalBytes negative;
  CanonicalBytes positive;
  negative.AppendDouble(-0.0);
  positive.AppendDouble(0.0);
  EXPECT_EQ(negative.bytes(), positive.bytes());
}

TEST(CanonicalBytesTest, TextHasItsLengthInFrontSoThatBordersShow) {
  CanonicalBytes one;
  one.AppendText("ab");
  one.AppendText("c");
  EXPECT_EQ(one.bytes(), absl::string_view("\2\0\0\0ab\1\0\0\0c", 11));
  CanonicalBytes other;
  other.AppendText("a");
  other.AppendText("bc");
  EXPECT_NE(one.bytes(), other.bytes());
}

}  // namespace
}  // namespace ballast
