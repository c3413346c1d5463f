#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/json/object.hpp>

#include "monitoring/http_server.hpp"
#include "monitoring/query.hpp"
#include "monitoring/recorder.hpp"

/// What the functions that answer paths of the API have in common.
namespace troupe::monitoring {

/// Ends a request with a status and a sentence of ours.
class Refused : public std::runtime_error {
public:
  Refused(unsigned status, const std::string& sentence) : std::runtime_error(sentence), status_(status) {}
  [[nodiscard]] unsigned status() const { return status_; }

private:
  unsigned status_;
};

HttpResponse answer(const boost::json::object& document);

/// What `page` answers, or why it does not.
template <class Page>
HttpResponse guarded(Page&& page) {
  try {
    return page();
  } catch (const BadRequest& bad) {
    return api_error(400, bad.what());
  } catch (const Refused& refused) {
    return api_error(refused.status(), refused.what());
  }
}

/// Not older than a quarter of a second. Refuses if the scheduler has ended.
std::shared_ptr<const Picture> fresh_picture(Recorder& recorder);
/// The worker that the path names. Refuses what is no number.
WorkerId worker_id_of(const HttpRequest& request);
/// The same, and its place in the picture. Refuses if there is none.
const WorkerView& worker_of(const Picture& picture, const HttpRequest& request, std::size_t& index);

}  // namespace troupe::monitoring
