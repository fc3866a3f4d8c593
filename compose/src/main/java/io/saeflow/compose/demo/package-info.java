// SPDX-License-Identifier: Apache-2.0
/**
 * What the demo reads and what it says about its result. Start at {@link
 * io.saeflow.compose.demo.SotuAddresses} and {@link io.saeflow.compose.demo.DemoReport}.
 */
@NullMarked
package io.saeflow.compose.demo;

import org.jspecify.annotations.NullMarked;
