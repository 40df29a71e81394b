#pragma once

#include <string>

#include "workers/groups/group.h"
#include "workers/groups/properties.h"

namespace activity::workers {

/// What analysts filter events by besides learner, activity, course and source. Empty: not said.
struct Facets {
    std::string device;   ///< kind of device: context.device.type, or `kind` of device_used
    std::string country;  ///< context.location.country, or `country` of location_updated
};

/// One a thread.
class FacetsReader {
  public:
    Facets read(const Message& message);

  private:
    PropertiesReader reader_;
};

}  // namespace activity::workers
