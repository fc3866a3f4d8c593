// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.config;

/** What happens to the weights that write into the residual stream before the model runs. */
public enum WritingWeights {
  /** They are used as the file has them. */
  AS_STORED,
  /** Their mean over the residual width is removed, for SAEs trained on such a model. */
  CENTERED
}
