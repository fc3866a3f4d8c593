// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.saeflow.producer;

import org.jspecify.annotations.NullMarked;
