// SPDX-License-Identifier: Apache-2.0
/**
 * Says whether a finished run's files are whole and agree with each other.
 *
 * <p>Start at {@link io.saeflow.sinks.verify.RunVerification}. The files are not trusted: no link
 * is followed, nothing outside the folder is opened, and no length is believed before it is
 * checked.
 */
@NullMarked
package io.saeflow.sinks.verify;

import org.jspecify.annotations.NullMarked;
