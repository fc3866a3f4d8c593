// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.prepare;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.producer.gpt2.Gpt2;
import io.saeflow.producer.gpt2.ModelDtype;
import io.saeflow.producer.gpt2.ModelException;
import io.saeflow.producer.gpt2.WritingWeights;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The model of a run that was defined elsewhere. */
public final class PreparedModel {
  private PreparedModel() {}

  /**
   * Loads the model.
   *
   * @param directory its Hugging Face directory
   * @param engine where it will run; stays open when the model is closed
   * @throws BadInputException if it cannot be used or is not the run's
   * @throws IOException if a file cannot be read
   */
  public static Gpt2 load(Path directory, RunManifest run, TensorEngine engine) throws IOException {
    if (!Files.isDirectory(directory)) {
      throw new BadInputException("model: %s (expected: a folder)".formatted(directory));
    }
    List<HookPoint> hooks =
        run.getSaes().stream().map(sae -> HookPoint.parse(sae.getHook())).toList();
    try {
      Digests.requireSame("model " + directory, Gpt2.files(directory), run.getModelSha256());
      return Gpt2.loadUpTo(
          hooks,
          directory,
          engine,
          run.getCenterWritingWeights() ? WritingWeights.CENTRED : WritingWeights.AS_STORED,
          ModelDtype.of(run.getModelDtype()));
    } catch (ModelException e) {
      throw new BadInputException(e.getMessage(), e);
    }
  }
}
