// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

/** What happens at load to the weights that write into the residual stream. */
public enum WritingWeights {
  /** They stay as they are in the file. */
  AS_STORED,
  /**
   * Their mean over the residual stream's dimensions is subtracted, as TransformerLens does with
   * {@code center_writing_weights}: then every residual, attention output and MLP output has a mean
   * of zero, and the logits stay the same.
   */
  CENTRED
}
