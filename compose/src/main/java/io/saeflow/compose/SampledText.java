// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.compose.demo.ModelText;
import java.nio.file.Path;

/** Text drawn from the model's own predictions, with a fixed seed. */
public final class SampledText implements ModelText {
  /** A writer that has not opened any model. */
  public SampledText() {}

  @Override
  public void write(Path model, long tokens, Path target) {
    throw new UnsupportedOperationException("the model is not wired yet");
  }
}
