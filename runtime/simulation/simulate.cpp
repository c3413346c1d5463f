#include "runtime/simulation/simulate.hpp"

#include <string_view>

#include "runtime/simulation/client_node.hpp"
#include "runtime/simulation/scheduler_node.hpp"

namespace troupe::simulation {

Outcome run(const History& history, const RunMode& mode) {
  World world(history, mode);
  return world.run();
}

void Tally::add(const Outcome& outcome) {
  add(Tally{1, outcome.events, outcome.sweeps, outcome.tasks, outcome.time, outcome.faults, outcome.cover});
}

void Tally::add(const Tally& other) {
  histories += other.histories;
  events += other.events;
  sweeps += other.sweeps;
  tasks += other.tasks;
  time += other.time;
  for (std::size_t i = 0; i < fault_count; ++i) faults[i] += other.faults[i];
  cover.add(other.cover);
}

std::string excerpt(const Outcome& outcome, std::size_t lines) {
  // The task that the violation names, as the story writes it.
  std::string_view task = outcome.text;
  const auto named = task.find("task ");
  task = named == std::string_view::npos ? std::string_view() : task.substr(named + 5);
  task = task.substr(0, task.find_first_of(",\n "));
  std::string text;
  const std::size_t tail = outcome.story.size() > lines ? outcome.story.size() - lines : 0;
  for (std::size_t i = 0; i < outcome.story.size(); ++i) {
    const std::string& line = outcome.story[i];
    const bool about = (!task.empty() && line.find(task) != std::string::npos) || line.find("ACT") != std::string::npos;
    if (i >= tail || about) text += line + "\n";
  }
  return text;
}

}  // namespace troupe::simulation
