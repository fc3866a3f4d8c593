// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import io.saeflow.compose.config.RunConfig;

/** Every stage of one run, in this process. */
public final class Pipeline implements PipelineRunner {
  /** A pipeline that has not started anything. */
  public Pipeline() {}

  @Override
  public RunSummary run(RunConfig config) {
    throw new UnsupportedOperationException("the stages are not wired yet");
  }
}
