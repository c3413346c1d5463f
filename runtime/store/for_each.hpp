#pragma once

/// TROUPE_FOR_EACH(macro, data, a, b, c) is macro(data, a) macro(data, b) macro(data, c), for up to 256 entries;
/// TROUPE_FOR_EACH_COMMA puts commas between. By the __VA_OPT__ technique of David Mazières ("Recursive macros with
/// C++20 __VA_OPT__").
#define TROUPE_PARENTHESES ()
#define TROUPE_EXPAND(...) TROUPE_EXPAND_4(TROUPE_EXPAND_4(TROUPE_EXPAND_4(TROUPE_EXPAND_4(__VA_ARGS__))))
#define TROUPE_EXPAND_4(...) TROUPE_EXPAND_3(TROUPE_EXPAND_3(TROUPE_EXPAND_3(TROUPE_EXPAND_3(__VA_ARGS__))))
#define TROUPE_EXPAND_3(...) TROUPE_EXPAND_2(TROUPE_EXPAND_2(TROUPE_EXPAND_2(TROUPE_EXPAND_2(__VA_ARGS__))))
#define TROUPE_EXPAND_2(...) TROUPE_EXPAND_1(TROUPE_EXPAND_1(TROUPE_EXPAND_1(TROUPE_EXPAND_1(__VA_ARGS__))))
#define TROUPE_EXPAND_1(...) __VA_ARGS__

#define TROUPE_FOR_EACH(macro, data, ...) __VA_OPT__(TROUPE_EXPAND(TROUPE_FOR_EACH_STEP(macro, data, __VA_ARGS__)))
#define TROUPE_FOR_EACH_STEP(macro, data, first, ...) \
  macro(data, first) __VA_OPT__(TROUPE_FOR_EACH_AGAIN TROUPE_PARENTHESES(macro, data, __VA_ARGS__))
#define TROUPE_FOR_EACH_AGAIN() TROUPE_FOR_EACH_STEP

#define TROUPE_FOR_EACH_COMMA(macro, data, ...) \
  __VA_OPT__(TROUPE_EXPAND(TROUPE_FOR_EACH_COMMA_STEP(macro, data, __VA_ARGS__)))
#define TROUPE_FOR_EACH_COMMA_STEP(macro, data, first, ...) \
  macro(data, first) __VA_OPT__(, TROUPE_FOR_EACH_COMMA_AGAIN TROUPE_PARENTHESES(macro, data, __VA_ARGS__))
#define TROUPE_FOR_EACH_COMMA_AGAIN() TROUPE_FOR_EACH_COMMA_STEP
