// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.compose.config.OutputConfig;
import io.saeflow.compose.config.RunConfig;

/** Runs one configuration to its end. */
public interface PipelineRunner {
  /**
   * Reads the corpus to its end and writes every record.
   *
   * @return what was done
   * @throws io.saeflow.compose.config.BadInputException if the configuration, the model, an
   *     autoencoder or the corpus cannot be used; nothing has been created then
   * @throws Exception if the run failed
   */
  RunSummary run(RunConfig config, OutputConfig output, RunListener listener) throws Exception;
}
