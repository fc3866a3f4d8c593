// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import com.fasterxml.jackson.databind.JsonNode;

/** Checks the one JSON file that a sink wrote about a feature. */
@FunctionalInterface
interface FeatureFileCheck {
  /**
   * Checks it.
   *
   * @param facts what other files say, and from now on this one
   */
  void check(int latent, JsonNode file, FeatureFacts facts) throws UnsoundFileException;
}
