// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import java.nio.ByteBuffer;

/** A part of what is known of each feature of a range, saved feature by feature. */
interface FeatureStates {
  /** How many bytes {@link #writeTo} writes. */
  int bytes(int feature);

  void writeTo(ByteBuffer out, int feature);

  /** Takes what {@link #writeTo} wrote in place of what is there. */
  void readFrom(ByteBuffer in, int feature);
}
