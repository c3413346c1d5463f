#include "monitoring/login.hpp"

#include <gtest/gtest.h>

namespace troupe::monitoring {
namespace {

class LoginTest : public testing::Test {
protected:
  Logins::Clock::time_point now_ = Logins::Clock::now();
  Logins logins_{[this] { return now_; }};
  Logins::Refusal refusal_{};
};

TEST_F(LoginTest, a_code_is_good_once_and_gives_its_scope) {
  const std::string code = logins_.make_code(Scope::read);
  const auto admitted = logins_.exchange(code, refusal_);
  ASSERT_TRUE(admitted);
  EXPECT_EQ(admitted->scope, Scope::read);
  EXPECT_EQ(logins_.scope_of(admitted->token), Scope::read);
  EXPECT_FALSE(logins_.exchange(code, refusal_));
  EXPECT_EQ(refusal_, Logins::Refusal::wrong);
  EXPECT_EQ(logins_.scope_of("no such token"), Scope::none);
  EXPECT_EQ(logins_.scope_of(""), Scope::none);
}

TEST_F(LoginTest, a_code_gets_too_old) {
  const std::string code = logins_.make_code(Scope::admin);
  now_ += Logins::code_life;
  EXPECT_FALSE(logins_.exchange(code, refusal_));
}

TEST_F(LoginTest, who_guesses_is_shut_out_for_the_rest_of_the_minute) {
  const std::string code = logins_.make_code(Scope::admin);
  for (unsigned i = 0; i < Logins::failures_max; ++i) EXPECT_FALSE(logins_.exchange("guess", refusal_));
  EXPECT_FALSE(logins_.exchange(code, refusal_));
  EXPECT_EQ(refusal_, Logins::Refusal::too_many);
  now_ += std::chrono::minutes(1);
  EXPECT_TRUE(logins_.exchange(code, refusal_));
}

TEST_F(LoginTest, codes_and_tokens_are_bounded_and_the_oldest_go_first) {
  const std::string first_code = logins_.make_code(Scope::read);
  for (std::size_t i = 0; i < Logins::codes_max; ++i) (void)logins_.make_code(Scope::read);
  EXPECT_FALSE(logins_.exchange(first_code, refusal_));
  std::string first_token;
  for (std::size_t i = 0; i <= Logins::tokens_max; ++i) {
    const auto admitted = logins_.exchange(logins_.make_code(Scope::read), refusal_);
    ASSERT_TRUE(admitted);
    if (i == 0) first_token = admitted->token;
  }
  EXPECT_EQ(logins_.scope_of(first_token), Scope::none);
}

}  // namespace
}  // namespace troupe::monitoring
