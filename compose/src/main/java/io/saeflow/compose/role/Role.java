// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

/** What one process does of a run. */
@FunctionalInterface
public interface Role {
  /**
   * Begins; the run's topics are there.
   *
   * @return what goes on until it is closed
   * @throws io.saeflow.compose.config.BadInputException if what the role was given is not the run's
   * @throws Exception if it cannot begin
   */
  RoleWork begin(RunContext run) throws Exception;
}
