// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.saeflow.sinks;

import org.jspecify.annotations.NullMarked;
