#include "collections/watch.hpp"

#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "troupe/troupe.hpp"

namespace troupe {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

/// Calls something again and again on a thread of its own, until destroyed.
class Ticker {
public:
  template <class F>
  Ticker(std::chrono::milliseconds every, F act) {
    thread_ = std::thread([this, every, act = std::move(act)] {
      std::unique_lock lock(mutex_);
      while (!wake_.wait_for(lock, every, [this] { return stopping_; })) act();
    });
  }
  ~Ticker() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_{};
  std::thread thread_;
};

std::uint64_t resident_bytes() {
  unsigned long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return std::uint64_t{pages} * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) * 1e-6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

std::string json(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    // No end tag may appear inside a script.
    if (c == '<' || static_cast<unsigned char>(c) < 0x20)
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      result += c;
  }
  return result + '"';
}

}  // namespace

// ---- the bar -------------------------------------------------------------------------------------------------------

struct ProgressBar::State {
  explicit State(const Options& asked) : options(asked), out(asked.out != nullptr ? *asked.out : std::cerr) {
    const bool terminal = asked.out == nullptr && ::isatty(STDERR_FILENO) == 1;
    visible = terminal || asked.even_if_no_terminal;
    if (visible) ticker = std::make_unique<Ticker>(asked.every, [this] { draw(); });
  }

  void draw() {
    const auto time = Clock::now() - begin;
    if (time < options.after) return;
    const auto all = total.load();
    const auto ended_now = std::min(done.load(), all);
    constexpr std::uint64_t width = 40;
    const auto filled = all == 0 ? 0 : width * ended_now / all;
    const double rate = double(ended_now) / std::max(seconds(time), 1e-9);
    out << fmt::format("\r[{:<{}}] {}% {}/{}, {:.1f}/s", std::string(filled, '#'), width,
                       all == 0 ? 0 : 100 * ended_now / all, ended_now, all, rate);
    if (ended_now < all && ended_now > 0) out << fmt::format(", {:.0f}s left", double(all - ended_now) / rate);
    if (const auto count = failed.load(); count > 0) out << fmt::format(", {} failed", count);
    out << "  " << std::flush;
    drawn = true;
  }

  Options options;
  std::ostream& out;
  Clock::time_point begin{Clock::now()};
  std::atomic<std::uint64_t> total{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> failed{0};
  bool visible{};
  bool drawn{};  // by the ticker, and after its end by the destructor
  std::unique_ptr<Ticker> ticker;
};

ProgressBar::ProgressBar() : ProgressBar(Options{}) {}
ProgressBar::ProgressBar(const Options& options) : state_(std::make_unique<State>(options)) {}

ProgressBar::~ProgressBar() {
  if (!state_->visible) return;
  state_->ticker.reset();
  state_->draw();
  if (state_->drawn) state_->out << std::endl;
}

void ProgressBar::begun(std::uint64_t tasks) noexcept { state_->total.fetch_add(tasks); }

void ProgressBar::ended(const LocalSpan& span) noexcept {
  state_->done.fetch_add(1, std::memory_order_relaxed);
  if (span.failed) state_->failed.fetch_add(1, std::memory_order_relaxed);
}

void ProgressBar::ended_elsewhere(std::uint64_t tasks, std::uint64_t failed) noexcept {
  state_->done.fetch_add(tasks, std::memory_order_relaxed);
  state_->failed.fetch_add(failed, std::memory_order_relaxed);
}

// ---- the profiler --------------------------------------------------------------------------------------------------

struct Profiler::State {
  struct Task {
    std::uint32_t task;
    unsigned thread;
    std::string_view function;
    double begin;
    double end;
    bool failed;
  };
  struct Sample {
    double at;
    double cpu;  // processors in use since the last one
    std::uint64_t bytes;
  };

  void sample() {
    const double now = seconds(Clock::now() - start);
    const double cpu = cpu_seconds();
    const std::lock_guard lock(mutex);
    samples.push_back({now, (cpu - last_cpu) / std::max(now - last_at, 1e-9), resident_bytes()});
    last_at = now;
    last_cpu = cpu;
  }

  const Clock::time_point start{Clock::now()};
  mutable std::mutex mutex;
  std::vector<Task> tasks;
  std::vector<Sample> samples;
  double last_at{0};
  double last_cpu{cpu_seconds()};
  std::unique_ptr<Ticker> ticker;
};

Profiler::Profiler(std::chrono::milliseconds resources_every) : state_(std::make_unique<State>()) {
  if (resources_every.count() > 0)
    state_->ticker = std::make_unique<Ticker>(resources_every, [state = state_.get()] { state->sample(); });
}

Profiler::~Profiler() { state_->ticker.reset(); }

void Profiler::ended(const LocalSpan& span) noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->tasks.push_back({span.task, span.thread, span.function, seconds(span.begin - state_->start),
                           seconds(span.end - state_->start), span.failed});
}

std::size_t Profiler::tasks() const {
  const std::lock_guard lock(state_->mutex);
  return state_->tasks.size();
}

std::size_t Profiler::samples() const {
  const std::lock_guard lock(state_->mutex);
  return state_->samples.size();
}

std::string Profiler::html() const {
  const std::lock_guard lock(state_->mutex);
  std::string tasks;
  for (const auto& each : state_->tasks)
    tasks += fmt::format("[{},{},{},{:.6f},{:.6f},{}],\n", each.task, each.thread, json(each.function), each.begin,
                         each.end, each.failed ? 1 : 0);
  std::string samples;
  for (const auto& each : state_->samples)
    samples += fmt::format("[{:.3f},{:.3f},{}],\n", each.at, each.cpu, each.bytes);
  static constexpr std::string_view head =
      R"(<!DOCTYPE html><html><head><meta charset="utf-8"><title>Troupe profile</title>
<style>body{font:13px sans-serif;margin:16px}canvas{border:1px solid #ccc;display:block;margin:4px 0 16px}</style></head>
<body><h1>Profile</h1><p id="sum"></p><h2>Tasks by thread</h2><canvas id="tasks"></canvas><p id="tip">&nbsp;</p>
<h2>Processors in use</h2><canvas id="cpu"></canvas><h2>Resident memory, MiB</h2><canvas id="memory"></canvas>
<table id="functions"></table><script>
)";
  static constexpr std::string_view script = R"(
const threads=[...new Set(tasks.map(t=>t[1]))].sort((a,b)=>a-b), names=[...new Set(tasks.map(t=>t[2]))].sort();
const end=Math.max(1e-6,...[tasks.reduce((m,t)=>Math.max(m,t[4]),0),samples.reduce((m,s)=>Math.max(m,s[0]),0)]);
const width=Math.max(400,innerWidth-40), row=22, colour=n=>`hsl(${names.indexOf(n)*137%360},60%,60%)`;
function canvas(id,height){const c=document.getElementById(id);c.width=width;c.height=height;return c.getContext('2d');}
const g=canvas('tasks',row*Math.max(1,threads.length));
for(const t of tasks){g.fillStyle=t[5]?'#c00':colour(t[2]);
  g.fillRect(t[3]/end*width,threads.indexOf(t[1])*row+2,Math.max(1,(t[4]-t[3])/end*width),row-4);}
function line(id,column,scale){const c=canvas(id,120),most=samples.reduce((m,s)=>Math.max(m,s[column]/scale),1e-9);
  c.beginPath();for(const s of samples)c.lineTo(s[0]/end*width,115-s[column]/scale/most*100);c.stroke();
  c.fillText(most.toFixed(1),4,12);}
line('cpu',1,1);line('memory',2,1048576);
document.getElementById('sum').textContent=`${tasks.length} tasks, ${tasks.filter(t=>t[5]).length} failed, ${threads.length} threads, ${end.toFixed(3)} s`;
document.getElementById('tasks').onmousemove=e=>{const at=e.offsetX/width*end,th=threads[Math.floor(e.offsetY/row)];
  const t=tasks.find(t=>t[1]===th&&t[3]<=at&&t[4]>=at);
  document.getElementById('tip').textContent=t?`${t[2]} (task ${t[0]}): ${((t[4]-t[3])*1e3).toFixed(3)} ms`:'\u00a0';};
const table=document.getElementById('functions');
for(const n of names){const of=tasks.filter(t=>t[2]===n),r=table.insertRow();
  for(const text of [n,of.length+' tasks',of.reduce((s,t)=>s+t[4]-t[3],0).toFixed(6)+' s'])r.insertCell().textContent=text;
  r.cells[0].style.background=colour(n);}
</script></body></html>
)";
  return fmt::format("{}const tasks=[\n{}];\nconst samples=[\n{}];{}", head, tasks, samples, script);
}

void Profiler::write_html(const std::string& path) const {
  std::ofstream file(path);
  file << html();
  file.close();
  if (!file) throw Failure(ErrorKind::failed, fmt::format("profiler: cannot write '{}'", path));
}

}  // namespace troupe
