#pragma once

#include <cstdint>
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
  tasks,      ///< each partition is cut into pieces, which stay in memory and travel one by one
  disk,       ///< the pieces lie in a file without a name until they are read: memory holds a few partitions
};

namespace bag_detail {

[[nodiscard]] bool shuffles_on_disk(Shuffle how);

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

inline std::uint64_t piece_of(std::uint64_t hash, std::uint64_t pieces) { return ((hash >> 32) * pieces) >> 32; }

/// Sorts elements into pieces by the hash of their key.
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
      : pieces_(arguments.read<std::uint32_t>()), on_disk_(arguments.read<bool>()), key_(arguments) {}
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
  std::size_t place(Passed<T> element) { return piece_of(hash_of<K>(key_(element)), pieces_.size()); }

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

/// Partitions of pairs of key and elements. `write_key` writes the operation.
template <class T, class Key, class WriteKey>
std::vector<ExpressionRef> grouped(const std::vector<ExpressionRef>& partitions, std::size_t wanted, bool on_disk,
                                   const WriteKey& write_key) {
  std::vector<ExpressionRef> cut;
  for (const auto& each : partitions) {
    PipelineWriter writer;
    writer.part<Elements<T>>(naming({&each, 1}));
    writer.part<Cut<T, Key>>([&](ArgumentWriter& out) {
      out.write<std::uint32_t>(static_cast<std::uint32_t>(wanted));
      out.write<bool>(on_disk);
      write_key(out);
    });
    cut.push_back(finish(writer));
  }
  std::vector<ExpressionRef> groups;
  for (std::uint64_t piece = 0; piece < wanted; ++piece) {
    std::vector<ExpressionRef> pieces;  // the writer only names them
    PipelineWriter writer;
    const auto write_piece = [&](ArgumentWriter& out) { out.write<std::uint64_t>(piece); };
    if (on_disk) {
      writer.part<PieceSource<T>>([&](ArgumentWriter& out) {
        write_piece(out);
        naming(cut)(out);
      });
    } else {  // a piece travels, not the partition that it was cut from
      for (const auto& each : cut) pieces.push_back(gather<PieceSource<T>>({each}, write_piece));
      writer.part<Elements<T>>(naming(pieces));
    }
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
