#include "monitoring/assets.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <zlib.h>
#include <boost/json.hpp>

#include "monitoring/metrics.hpp"

namespace troupe::monitoring {

namespace {

constexpr const char* pages[] = {"/status",   "/workers",    "/tasks",  "/system",    "/profile", "/profile-server",
                                 "/graph",    "/groups",     "/time",   "/bandwidth", "/gpu",     "/shuffle",
                                 "/stealing", "/exceptions", "/events", "/logs",      "/login"};

const char* type_of(std::string_view path) {
  constexpr std::pair<std::string_view, const char*> types[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".woff2", "font/woff2"},
      {".txt", "text/plain; charset=utf-8"},
  };
  for (const auto& [ending, type] : types)
    if (path.ends_with(ending)) return type;
  return "application/octet-stream";
}

HttpResponse serve(const PackedFile& file, const HttpRequest& request) {
  HttpResponse response;
  response.content_type = type_of(file.path);
  response.headers = {{"ETag", file.etag}, {"Cache-Control", "no-cache"}, {"Vary", "Accept-Encoding"}};
  if (request.if_none_match.find(file.etag) != std::string::npos) {
    response.status = 304;
  } else if (accepts(request.accept_encoding, "gzip")) {
    response.content_encoding = "gzip";
    response.body.assign(reinterpret_cast<const char*>(file.bytes), file.size);
  } else {
    response.body = unpacked(file);
  }
  return response;
}

const PackedFile* file_at(std::string_view path) {
  for (const PackedFile& file : packed_files())
    if (path == file.path) return &file;
  return nullptr;
}

Route route_to(std::string path, const PackedFile& file) {
  return {std::move(path),
          Access::everyone,
          [&file](const HttpRequest& request) { return serve(file, request); },
          false,
          {}};
}

Route text_at(std::string path, std::string text) {
  return {std::move(path),
          Access::everyone,
          [text = std::move(text)](const HttpRequest&) {
            return HttpResponse{200, "application/json", {}, text, {}};
          },
          false,
          {}};
}

}  // namespace

std::string unpacked(const PackedFile& file) {
  std::string out(file.unpacked_size, '\0');
  z_stream stream{};
  constexpr int with_gzip_header = 15 + 16;
  if (::inflateInit2(&stream, with_gzip_header) != Z_OK) throw std::runtime_error("gzip could not be set up");
  stream.next_in = const_cast<Bytef*>(file.bytes);  // zlib's interface is older than const
  stream.avail_in = static_cast<uInt>(file.size);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int end = ::inflate(&stream, Z_FINISH);
  ::inflateEnd(&stream);
  if (end != Z_STREAM_END) throw std::runtime_error("a packed file is damaged");
  return out;
}

std::vector<std::string> page_paths() {
  std::vector<std::string> paths(std::begin(pages), std::end(pages));
  if (const PackedFile* plots = file_at("individual-plots.json")) {
    const boost::json::value list = boost::json::parse(unpacked(*plots));
    for (const auto& plot : list.as_object()) paths.emplace_back(plot.value().as_string());
  }
  return paths;
}

std::vector<Route> asset_routes(std::span<const Route> beside) {
  std::vector<Route> routes;
  const PackedFile* page = file_at("index.html");
  const PackedFile* info = file_at("info.html");
  if (page != nullptr) {
    for (const std::string& path : page_paths()) routes.push_back(route_to(path, *page));
    routes.push_back({"/",
                      Access::everyone,
                      [](const HttpRequest&) {
                        return HttpResponse{302, "text/plain", {}, {}, {{"Location", "status"}}};
                      },
                      false,
                      {}});
  }
  if (info != nullptr) routes.push_back(route_to("/info/*", *info));
  for (const PackedFile& file : packed_files()) {
    const std::string_view path = file.path;
    if (&file == page || &file == info || path == "openapi.json" || path.starts_with("prometheus/")) continue;
    routes.push_back(route_to("/" + std::string(path), file));
  }
  if (const PackedFile* openapi = file_at("openapi.json")) routes.push_back(route_to("/api/v1/openapi.json", *openapi));
  std::set<std::string> paths{"/sitemap.json"};
  for (const std::span<const Route> all : {std::span<const Route>(routes), beside})
    for (const Route& route : all)
      if (!route.path.starts_with("/assets/")) paths.insert(route.path);
  boost::json::object sitemap{{"paths", boost::json::array(paths.begin(), paths.end())}};
  routes.push_back(text_at("/sitemap.json", boost::json::serialize(sitemap) + "\n"));
  return routes;
}

}  // namespace troupe::monitoring
