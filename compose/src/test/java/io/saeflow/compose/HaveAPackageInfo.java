// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;

/** That a class' package has a {@code package-info.java} that marks it null-safe. */
final class HaveAPackageInfo extends ArchCondition<JavaClass> {
  HaveAPackageInfo() {
    super("be in a package whose package-info.java is @NullMarked");
  }

  @Override
  public void check(JavaClass javaClass, ConditionEvents events) {
    boolean marked =
        javaClass.getPackage().getAnnotations().stream()
            .anyMatch(
                annotation ->
                    annotation
                        .getRawType()
                        .getName()
                        .equals("org.jspecify.annotations.NullMarked"));
    events.add(
        new SimpleConditionEvent(
            javaClass, marked, javaClass.getName() + " is in a package without it"));
  }
}
