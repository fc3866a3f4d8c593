// SPDX-License-Identifier: Apache-2.0
/** Where in the model an activation is read. Start at {@link io.saeflow.schemas.hook.HookPoint}. */
@NullMarked
package io.saeflow.schemas.hook;

import org.jspecify.annotations.NullMarked;
