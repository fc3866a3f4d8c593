// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.saeflow.processors;

import org.jspecify.annotations.NullMarked;
