// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks;

/** What sinks do when everything up to the run's totals is written. */
public enum AtTheEnd {
  /** They are done, and what they kept to go on with is removed when they are closed. */
  CLEAN_UP,
  /** They are done, and keep what they need to go on with, should text be appended. */
  KEEP,
  /** They go on until they are closed, and write anew what appended text changes. */
  FOLLOW
}
