#include "runtime/simulation/faults.hpp"

namespace troupe::simulation {
namespace {

constexpr std::array<FaultInfo, fault_count> infos{{
    {"F1", "kill", "a worker process is killed while it works"},
    {"F2", "pause", "a process stands still for a while: worker, client or scheduler"},
    {"F3", "partition", "bytes between two nodes are held back, in one direction or both, or the connection is reset"},
    {"F4", "slow-link", "a link gets slow and narrow"},
    {"F5", "half-open", "a connection is dead and neither end is told"},
    {"F8", "disk-full", "a value cannot be written to disk"},
    {"F10", "corrupt", "a value is found unreadable when a peer asks for it, or a task here, on disk"},
    {"F11", "oom", "a run takes all memory and its process is killed"},
    {"F12", "poison", "a task kills every process that runs it"},
    {"F13", "exception", "a function throws, once or always"},
    {"F14", "endless", "a run takes far longer than all timeouts, or is ended by its own"},
    {"F15", "vanish", "a client is gone without a word"},
    {"F16", "replay", "frames come twice, or after their connection's end"},
    {"F20", "version", "a node of another version knocks"},
    {"F21", "slow-reader", "a node goes on sending but takes nothing"},
    {"F22", "refuse", "the scheduler takes no new connections for a while"},
    {"F23", "overload", "many graphs at once, more than may be known at a time"},
    {"F24", "retire", "a worker is asked to leave and finishes what runs"},
}};

}  // namespace

const FaultInfo& info(Fault fault) { return infos[static_cast<std::size_t>(fault)]; }

std::optional<Fault> find_fault(std::string_view text) {
  for (std::size_t i = 0; i < fault_count; ++i)
    if (infos[i].number == text || infos[i].name == text) return static_cast<Fault>(i);
  return {};
}

}  // namespace troupe::simulation
