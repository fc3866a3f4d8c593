// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.encode;

/** What becomes of tokens with an activation that is NaN or infinite. */
public enum NonFinitePolicy {
  /** They are left out and counted. */
  SKIP,
  /** Their batch goes to dead letters. */
  FAIL
}
