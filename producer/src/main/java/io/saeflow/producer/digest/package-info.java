// SPDX-License-Identifier: Apache-2.0
/** What identifies the files of a run. Start at {@link io.saeflow.producer.digest.FileDigest}. */
@NullMarked
package io.saeflow.producer.digest;

import org.jspecify.annotations.NullMarked;
