// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

/** What to do with an output folder that is not empty. */
public enum ExistingOutput {
  /** Leave it alone and refuse to run. */
  REFUSE,
  /** Go on with the run that began there. */
  RESUME,
  /** Delete what saeflow wrote there, then run; refuse if the folder holds anything else. */
  OVERWRITE
}
