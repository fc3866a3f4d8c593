// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which way dependencies point, and where each outside library lives. */
class ArchitectureTest {
  private static final List<String> MODULES =
      List.of("schemas", "kernels", "producer", "processors", "sinks", "compose");

  /** Those that every driver from CUDA 12.0 on has, and one that is JCuda's own. */
  private static final Set<String> DRIVER_FUNCTIONS =
      Set.of(
          "setExceptionsEnabled",
          "cuCtxSetCurrent",
          "cuDeviceGet",
          "cuDeviceGetAttribute",
          "cuDeviceGetCount",
          "cuDeviceGetName",
          "cuDevicePrimaryCtxRelease",
          "cuDevicePrimaryCtxRetain",
          "cuDeviceTotalMem",
          "cuDriverGetVersion",
          "cuEventCreate",
          "cuEventDestroy",
          "cuEventElapsedTime",
          "cuEventQuery",
          "cuEventRecord",
          "cuEventSynchronize",
          "cuFuncGetAttribute",
          "cuFuncSetAttribute",
          "cuGetErrorName",
          "cuGetErrorString",
          "cuInit",
          "cuLaunchKernel",
          "cuMemAlloc",
          "cuMemFree",
          "cuMemFreeHost",
          "cuMemGetInfo",
          "cuMemHostAlloc",
          "cuMemcpyDtoHAsync",
          "cuMemcpyHtoDAsync",
          "cuMemsetD32Async",
          "cuMemsetD8Async",
          "cuModuleGetFunction",
          "cuModuleLoadDataEx",
          "cuModuleLoadDataJIT",
          "cuModuleUnload",
          "cuOccupancyMaxActiveBlocksPerMultiprocessor",
          "cuStreamCreate",
          "cuStreamDestroy",
          "cuStreamSynchronize",
          "cuStreamWaitEvent");

  private static JavaClasses classes;

  @BeforeAll
  static void readTheClasses() {
    classes =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.saeflow");
  }

  @ParameterizedTest
  @ValueSource(strings = {"schemas", "kernels", "producer", "processors", "sinks", "compose"})
  void everyModuleIsRead(String module) {
    assertThat(classes).anyMatch(type -> type.getPackageName().startsWith("io.saeflow." + module));
  }

  @Test
  void modulesDependDownwards() {
    var layers = layeredArchitecture().consideringOnlyDependenciesInLayers();
    for (String module : MODULES) {
      layers = layers.layer(module).definedBy("io.saeflow." + module + "..");
    }
    check(
        layers
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
            .mayNotBeAccessedByAnyLayer());
  }

  @Test
  void packagesHaveNoCycles() {
    check(slices().assignedFrom(new ByPackage()).should().beFreeOfCycles());
  }

  @Test
  void djlIsInTheEngineAndItsTokenizersInTheCorpus() {
    check(onlyIn("ai.djl..", "io.saeflow.kernels.engine", "io.saeflow.producer.corpus"));
    check(onlyIn("ai.djl.huggingface..", "io.saeflow.producer.corpus"));
    check(onlyIn("ai.djl.pytorch..", "io.saeflow.kernels.engine"));
    check(onlyIn("ai.djl.ndarray..", "io.saeflow.kernels.engine"));
  }

  @Test
  void arrowIsInOnePackage() {
    check(onlyIn("org.apache.arrow..", "io.saeflow.schemas.arrow"));
  }

  @Test
  void pickleIsInTensorFiles() {
    check(onlyIn("net.razorvine..", "io.saeflow.schemas.tensorfile"));
  }

  @Test
  void kafkaStreamsIsInProcessors() {
    check(onlyIn("org.apache.kafka.streams..", "io.saeflow.processors.."));
  }

  @Test
  void kafkaStreamsInternalsAreInTheFeatureStore() {
    check(
        onlyIn(
            "org.apache.kafka.streams.processor.internals..", "io.saeflow.processors.aggregate"));
    check(onlyIn("org.apache.kafka.streams.state.internals..", "io.saeflow.processors.aggregate"));
  }

  @Test
  void kafkasServerIsInTheBroker() {
    check(onlyIn("kafka..", "io.saeflow.compose.broker"));
    check(onlyIn("org.apache.kafka.server..", "io.saeflow.compose.broker"));
    check(onlyIn("org.apache.kafka.metadata..", "io.saeflow.compose.broker"));
    check(onlyIn("org.apache.kafka.controller..", "io.saeflow.compose.broker"));
    check(onlyIn("org.apache.kafka.image..", "io.saeflow.compose.broker"));
  }

  @Test
  void jcudaIsInOnePackage() {
    check(onlyIn("jcuda..", "io.saeflow.kernels.cuda"));
  }

  /** Calling a function that a driver does not have ends the process. */
  @Test
  void onlyCoreFunctionsOfTheDriverAreCalled() {
    Set<String> called =
        classes.stream()
            .flatMap(type -> type.getMethodCallsFromSelf().stream())
            .filter(call -> call.getTargetOwner().getName().equals("jcuda.driver.JCudaDriver"))
            .map(JavaMethodCall::getName)
            .collect(Collectors.toSet());

    assertThat(called).contains("cuLaunchKernel");
    assertThat(DRIVER_FUNCTIONS).containsAll(called);
  }

  @Test
  void picocliIsOnTheCommandLine() {
    check(onlyIn("picocli..", "io.saeflow.compose.cli"));
  }

  @Test
  void namesSayWhatAClassDoes() {
    check(noClasses().should().haveNameMatching(".*(Util|Utils|Helper|Manager|Impl)"));
  }

  @Test
  void everyPackageIntroducesItself() {
    check(classes().should(new HaveAPackageInfo()));
  }

  /** A rule that never fails says nothing. */
  @Test
  void theRulesCanFail() {
    ArchRule wrong = onlyIn("picocli..", "io.saeflow.compose.broker");

    assertThat(wrong.evaluate(classes).hasViolation()).isTrue();
  }

  private static void check(ArchRule rule) {
    rule.check(classes);
  }

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
    public SliceIdentifier getIdentifierOf(JavaClass type) {
      return SliceIdentifier.of(type.getPackageName());
    }

    @Override
    public String getDescription() {
      return "one slice for each package";
    }
  }
}
