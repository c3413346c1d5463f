#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/http_server.hpp"

namespace troupe::monitoring {

/// A file that is part of the program, compressed by gzip.
struct PackedFile {
  const char* path;
  const unsigned char* bytes;
  std::size_t size;
  std::size_t unpacked_size;
  const char* etag;
};

/// All of them, by path.
std::span<const PackedFile> packed_files();

/// A file as it was.
std::string unpacked(const PackedFile& file);

/// The dashboard: its pages at Dask's paths, and what they are made of. They hold nothing of the cluster, so that
/// everybody may load them; what they show comes from /api/v1. /sitemap.json lists their paths, and those `beside` them.
std::vector<Route> asset_routes(std::span<const Route> beside = {});

/// Paths of pages that people open; the single plots among them are those that /individual-plots.json lists.
std::vector<std::string> page_paths();

}  // namespace troupe::monitoring
