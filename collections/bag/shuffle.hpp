#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collections/bag/writing.hpp"
#include "runtime/store/spill_file.hpp"

namespace troupe {

/// How elements come together that lie in different partitions.
enum class Shuffle : std::uint8_t {
  automatic,  ///< disk, if what is computed now would be computed on threads of this process; else tasks
  tasks,      ///< partitions are cut into pieces, which stay in memory and travel one by one, if need be in stages
  disk,       ///< the pieces lie in a file without a name until they are read: memory holds a few partitions
};

namespace bag_detail {

[[nodiscard]] bool shuffles_on_disk(Shuffle how);
/// As many as were asked for, or as there are. Throws InvalidRequest: too many.
[[nodiscard]] std::uint32_t partitions_wanted(std::size_t asked, std::size_t there_are);

/// A file without a name in the directory for temporary files: it is gone with its last user.
class NamelessFile {
public:
  /// Throws Failure.
  NamelessFile();
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;
  ~NamelessFile();
  SpillRecord append(const Value& value);
  [[nodiscard]] Value read(const SpillRecord& record) const;

private:
  int descriptor_{-1};
  std::uint64_t size_{};
};

/// Pieces of a partition, of which those of one number in all partitions belong together. In memory or in a file.
template <class T>
struct CutPieces {
  std::shared_ptr<NamelessFile> file;
  std::vector<SpillRecord> records;       ///< in the file
  std::vector<std::vector<T>> in_memory;  ///< if there is no file

  [[nodiscard]] std::size_t size() const { return file ? records.size() : in_memory.size(); }
  /// Calls `give` with each element of a piece.
  template <class Give>
  void for_each(std::size_t piece, Give&& give) const {
    if (piece >= size()) throw DecodeError("there is no such piece");
    if (!file) {
      for (const auto& element : in_memory[piece]) give(element);
      return;
    }
    const Value value = file->read(records[piece]);
    for (const auto& element : elements_in<T>(value)) give(element);
  }
};

/// Which of the parts that all elements are to become one of this hash belongs to, and a digit of its number.
struct Sorting {
  std::uint32_t parts{};
  std::uint32_t divisor{1};
  std::uint32_t base{};
  [[nodiscard]] std::size_t digit_of(std::uint64_t hash) const {
    return static_cast<std::size_t>((((hash >> 32) * parts) >> 32) / divisor % base);
  }
};

/// Sorts elements into pieces by a digit of where the hash of their key belongs.
template <class T, class Key>
class Cut final : public Receiver<T>, public OtherPart {
  using K = result_of_operation<Key, T>;

public:
  using Takes = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Key>(out, "cut");
    describe_types<T>(out);
  }
  explicit Cut(ArgumentReader& arguments)
      : sorting_{arguments.read<std::uint32_t>(), arguments.read<std::uint32_t>(), arguments.read<std::uint32_t>()},
        pieces_(sorting_.base),
        on_disk_(arguments.read<bool>()),
        key_(arguments) {
    if (sorting_.divisor == 0 || sorting_.base == 0) throw DecodeError("a shuffle into no pieces");
  }
  void push(Passed<T> element) override { pieces_[place(element)].emplace_back(element); }
  void take(T&& element) override {
    auto& piece = pieces_[place(element)];
    piece.emplace_back(std::move(element));
  }
  Value result() override {
    CutPieces<T> made;
    if (!on_disk_) {
      made.in_memory = std::move(pieces_);
      return Value::make(std::move(made));
    }
    made.file = std::make_shared<NamelessFile>();
    for (auto& piece : pieces_) {
      made.records.push_back(made.file->append(Value::make(std::move(piece))));
      piece = {};
    }
    return Value::make(std::move(made));
  }

private:
  std::size_t place(Passed<T> element) { return sorting_.digit_of(hash_of<K>(key_(element))); }

  Sorting sorting_;
  std::vector<std::vector<T>> pieces_;
  bool on_disk_;
  Key key_;
};

/// One piece of each input.
template <class T>
class PieceSource final : public Giver<T>, public OtherPart {
public:
  using Gives = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("piece#");
    describe_types<T>(out);
  }
  explicit PieceSource(ArgumentReader& arguments)
      : piece_(arguments.read<std::uint64_t>()), inputs_(arguments.other_inputs()) {}
  void run() override {
    for (const auto& input : inputs_) {
      const auto pieces = input.as<CutPieces<T>>();
      if (!pieces) throw DecodeError(pieces.error().text);
      (*pieces)->for_each(piece_, [this](const T& element) { this->give(element); });
    }
  }

private:
  std::uint64_t piece_;
  std::span<Value> inputs_;
};

/// All elements by key.
template <class T, class Key>
class Group final : public Receiver<T>, public OtherPart {
  using K = result_of_operation<Key, T>;

public:
  using Takes = T;
  template <class Sink>
  static constexpr void describe(Sink& out) {
    describe_operations<Key>(out, "group");
    describe_types<T>(out);
  }
  explicit Group(ArgumentReader& arguments) : key_(arguments) {}
  void push(Passed<T> element) override { groups_[key_(element)].emplace_back(element); }
  void take(T&& element) override {
    auto& group = groups_[key_(Passed<T>(element))];
    group.emplace_back(std::move(element));
  }
  Value result() override { return Value::make(groups_.take()); }

private:
  Key key_;
  Grouping<K, std::vector<T>> groups_;
};

/// How many stages a shuffle by tasks has, of pieces from a partition at most `branches`: the smallest number of stages,
/// and then of pieces, by which `partitions` can be told apart.
struct Stages {
  std::uint32_t count{1};
  std::uint32_t base{};  ///< pieces a stage
  Stages(std::uint64_t partitions, std::uint32_t branches);
};

template <class T, class Key, class WriteKey>
ExpressionRef cut(std::span<const ExpressionRef> inputs, const Sorting& sorting, bool on_disk,
                  const WriteKey& write_key) {
  PipelineWriter writer;
  writer.part<Elements<T>>(naming(inputs));
  writer.part<Cut<T, Key>>([&](ArgumentWriter& out) {
    out.write<std::uint32_t>(sorting.parts);
    out.write<std::uint32_t>(sorting.divisor);
    out.write<std::uint32_t>(sorting.base);
    out.write<bool>(on_disk);
    write_key(out);
  });
  return finish(writer);
}

/// Elements by key, in `wanted` partitions, through one file for each partition.
template <class T, class Key, class WriteKey>
std::vector<ExpressionRef> grouped_on_disk(const std::vector<ExpressionRef>& partitions, std::uint32_t wanted,
                                           const WriteKey& write_key) {
  std::vector<ExpressionRef> files;
  for (const auto& each : partitions) files.push_back(cut<T, Key>({&each, 1}, {wanted, 1, wanted}, true, write_key));
  std::vector<ExpressionRef> groups;
  for (std::uint64_t piece = 0; piece < wanted; ++piece) {
    PipelineWriter writer;
    writer.part<PieceSource<T>>([&](ArgumentWriter& out) {
      out.write<std::uint64_t>(piece);
      naming(files)(out);
    });
    writer.part<Group<T, Key>>(write_key);
    groups.push_back(finish(writer));
  }
  return groups;
}

/// The same by tasks. Partitions, and those that are wanted, are numbers of `stages.count` digits. In a stage each
/// partition is cut by one digit of where its elements belong, lowest first, and those are put together again that
/// differ in this digit alone: they then agree in it with what they hold. So a task reads or makes `stages.base` pieces,
/// however many partitions there are, and elements stay in the order of the partitions.
template <class T, class Key, class WriteKey>
std::vector<ExpressionRef> grouped_by_tasks(const std::vector<ExpressionRef>& partitions, std::uint32_t wanted,
                                            std::uint32_t branches, const WriteKey& write_key) {
  const Stages stages(std::max<std::uint64_t>(partitions.size(), wanted), branches);
  using Pieces = std::vector<ExpressionRef>;
  std::map<std::uint64_t, Pieces> now;  // by number; what is not there is empty
  for (std::size_t i = 0; i < partitions.size(); ++i) now[i] = {partitions[i]};
  std::uint64_t divisor = 1;
  for (std::uint32_t stage = 0; stage < stages.count; ++stage, divisor *= stages.base) {
    std::map<std::uint64_t, Pieces> next;
    for (const auto& [number, pieces] : now) {  // in order, so that what is put together is
      const auto made =
          cut<T, Key>(pieces, {wanted, static_cast<std::uint32_t>(divisor), stages.base}, false, write_key);
      const auto lowest = number - number / divisor % stages.base * divisor;
      for (std::uint64_t digit = 0; digit < stages.base; ++digit) {
        const auto target = lowest + digit * divisor;
        // Digits up to this one are of a wanted partition, or nothing will ever be here.
        if (target % (divisor * stages.base) >= wanted) continue;
        next[target].push_back(
            gather<PieceSource<T>>({made}, [&](ArgumentWriter& out) { out.write<std::uint64_t>(digit); }));
      }
    }
    now = std::move(next);
  }
  std::vector<ExpressionRef> groups;
  for (std::uint64_t number = 0; number < wanted; ++number) {
    PipelineWriter writer;
    writer.part<Elements<T>>(naming(now[number]));
    writer.part<Group<T, Key>>(write_key);
    groups.push_back(finish(writer));
  }
  return groups;
}

}  // namespace bag_detail

/// In a file only within one process: elsewhere the elements travel.
template <class T>
struct ValueCodec<bag_detail::CutPieces<T>> {
  template <class Sink>
  static constexpr void describe(Sink& out) {
    out.text("pieces<");
    detail::describe<T>(out);
    out.text(">");
  }
  static void encode(const bag_detail::CutPieces<T>& value, Encoder& out) {
    out.count(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
      std::vector<T> piece;
      value.for_each(i, [&](const T& element) { piece.push_back(element); });
      out.count(piece.size());  // element by element: what is read here does not outlive the call
      for (const auto& element : piece) encode_value<T>(element, out);
    }
  }
  static bag_detail::CutPieces<T> decode(Decoder& in) {
    bag_detail::CutPieces<T> value;
    for (auto count = in.count_of(1); count > 0; --count) {
      auto& piece = value.in_memory.emplace_back();
      for (auto size = in.count_of(detail::min_size<T>()); size > 0; --size) piece.push_back(decode_value<T>(in));
    }
    return value;
  }
  static std::uint64_t deep_size(const bag_detail::CutPieces<T>& value) {
    return sizeof value + value.records.size() * sizeof(SpillRecord) + troupe::deep_size(value.in_memory);
  }
};

}  // namespace troupe
