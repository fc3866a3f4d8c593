// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;

/** Which way dependencies point, and where each outside library lives. */
@AnalyzeClasses(packages = "io.saeflow", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  @ArchTest
  static final ArchRule DEPENDENCIES_POINT_DOWN =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .withOptionalLayers(true)
          .layer("schemas")
          .definedBy("io.saeflow.schemas..")
          .layer("kernels")
          .definedBy("io.saeflow.kernels..")
          .layer("producer")
          .definedBy("io.saeflow.producer..")
          .layer("processors")
          .definedBy("io.saeflow.processors..")
          .layer("sinks")
          .definedBy("io.saeflow.sinks..")
          .layer("compose")
          .definedBy("io.saeflow.compose..")
          .whereLayer("schemas")
          .mayNotAccessAnyLayer()
          .whereLayer("kernels")
          .mayNotAccessAnyLayer()
          .whereLayer("producer")
          .mayOnlyAccessLayers("schemas", "kernels")
          .whereLayer("processors")
          .mayOnlyAccessLayers("schemas", "kernels")
          .whereLayer("sinks")
          .mayOnlyAccessLayers("schemas")
          .whereLayer("compose")
          .mayNotBeAccessedByAnyLayer();

  @ArchTest
  static final ArchRule PACKAGES_HAVE_NO_CYCLES =
      slices().assignedFrom(new ByPackage()).should().beFreeOfCycles();

  @ArchTest
  static final ArchRule DJL_ONLY_IN_THE_ENGINE =
      noClasses()
          .that()
          .resideOutsideOfPackages("io.saeflow.kernels.engine..", "io.saeflow.producer.corpus..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("ai.djl..");

  @ArchTest
  static final ArchRule OF_DJL_THE_CORPUS_HAS_TOKENIZERS_ONLY =
      noClasses()
          .that()
          .resideInAPackage("io.saeflow.producer.corpus..")
          .should()
          .dependOnClassesThat(
              JavaClass.Predicates.resideInAPackage("ai.djl..")
                  .and(JavaClass.Predicates.resideOutsideOfPackage("ai.djl.huggingface..")))
          .allowEmptyShould(true);

  @ArchTest
  static final ArchRule TOKENIZERS_ONLY_IN_THE_CORPUS =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.saeflow.producer.corpus..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("ai.djl.huggingface..");

  @ArchTest
  static final ArchRule ARROW_ONLY_IN_ONE_PACKAGE =
      onlyIn("org.apache.arrow..", "io.saeflow.schemas.arrow..");

  @ArchTest
  static final ArchRule PICKLE_ONLY_IN_TENSOR_FILES =
      onlyIn("net.razorvine..", "io.saeflow.schemas.tensorfile..");

  @ArchTest
  static final ArchRule KAFKA_STREAMS_ONLY_IN_PROCESSORS =
      onlyIn("org.apache.kafka.streams..", "io.saeflow.processors..", "io.saeflow.compose..");

  @ArchTest
  static final ArchRule KAFKA_STREAMS_INTERNALS_ONLY_IN_THE_FEATURE_STORE =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.saeflow.processors.aggregate")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "org.apache.kafka.streams.processor.internals..",
              "org.apache.kafka.streams.state.internals..");

  @ArchTest
  static final ArchRule KAFKA_SERVER_ONLY_IN_THE_BROKER =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.saeflow.compose.broker")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "kafka..", "org.apache.kafka.server..", "org.apache.kafka.metadata..");

  @ArchTest
  static final ArchRule PICOCLI_ONLY_ON_THE_COMMAND_LINE =
      onlyIn("picocli..", "io.saeflow.compose.cli");

  @ArchTest
  static final ArchRule NAMES_SAY_WHAT_A_CLASS_DOES =
      noClasses().should().haveNameMatching(".*(Utils?|Helper|Manager|Impl)");

  @ArchTest
  static final ArchRule EVERY_PACKAGE_INTRODUCES_ITSELF =
      classes().that().doNotHaveSimpleName("package-info").should(new HaveAPackageInfo());

  private static ArchRule onlyIn(String library, String... homes) {
    return noClasses()
        .that()
        .resideOutsideOfPackages(homes)
        .should()
        .dependOnClassesThat()
        .resideInAPackage(library);
  }

  /** One slice a package, root packages of modules included. */
  private static final class ByPackage implements SliceAssignment {
    @Override
    public SliceIdentifier getIdentifierOf(JavaClass javaClass) {
      return SliceIdentifier.of(javaClass.getPackageName());
    }

    @Override
    public String getDescription() {
      return "one slice for each package";
    }
  }
}
