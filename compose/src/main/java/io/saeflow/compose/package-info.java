// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.saeflow.compose;

import org.jspecify.annotations.NullMarked;
