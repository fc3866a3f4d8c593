// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.cli;

import io.saeflow.compose.config.ExistingOutput;
import picocli.CommandLine.Option;

/** What to do with an output folder that is not empty; picocli lets only one through. */
final class ExistingOutputOptions {
  @Option(names = "--resume", description = "Go on with the run that began in the output folder.")
  private boolean resume;

  @Option(
      names = "--overwrite",
      description =
          "Delete what saeflow wrote into the output folder before; refused if it holds anything"
              + " else.")
  private boolean overwrite;

  ExistingOutput chosen() {
    if (resume) {
      return ExistingOutput.RESUME;
    }
    return overwrite ? ExistingOutput.OVERWRITE : ExistingOutput.REFUSE;
  }
}
