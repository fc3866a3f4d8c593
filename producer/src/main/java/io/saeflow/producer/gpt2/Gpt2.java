// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

import io.saeflow.kernels.engine.Script;
import io.saeflow.kernels.engine.Tensor;
import io.saeflow.kernels.engine.TensorEngine;
import io.saeflow.schemas.hook.HookLocation;
import io.saeflow.schemas.hook.HookPoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A GPT-2 in the tensor engine, in float32. Not safe for use by several threads. */
public final class Gpt2 implements AutoCloseable {
  private final Gpt2Config config;
  private final TensorEngine engine;
  private final Script script;
  private final List<BlockWeights> blocks = new ArrayList<>();
  private final List<Tensor> embeddings = new ArrayList<>();
  private final List<Tensor> finalNorm = new ArrayList<>();

  private Gpt2(Gpt2Config config, TensorEngine engine) {
    this.config = config;
    this.engine = engine;
    this.script = engine.script(Gpt2Script.METHODS);
  }

  /**
   * Loads a model from a Hugging Face directory: {@code config.json}, and {@code model.safetensors}
   * or its shards or {@code pytorch_model.bin}, in float32, float16 or bfloat16.
   *
   * @param engine where it will run; stays open when the model is closed
   * @throws ModelException if a file is missing, broken, of the wrong shapes, or asks for
   *     arithmetic that is not implemented here
   */
  public static Gpt2 load(Path directory, TensorEngine engine, WritingWeights writing)
      throws ModelException {
    Gpt2Config config = Gpt2Config.read(directory.resolve("config.json"));
    try (Gpt2Weights weights = Gpt2Weights.open(directory, writing)) {
      Gpt2 model = new Gpt2(config, engine);
      boolean complete = false;
      try {
        model.load(weights);
        complete = true;
        return model;
      } finally {
        if (!complete) {
          model.close();
        }
      }
    }
  }

  /**
   * The files of the model in {@code directory} that its activations depend on: the configuration
   * and the weights.
   *
   * @throws ModelException if the weights are missing or their index cannot be read
   */
  public static List<Path> files(Path directory) throws ModelException {
    List<Path> files = new ArrayList<>();
    files.add(directory.resolve("config.json"));
    files.addAll(Gpt2Weights.files(directory));
    return List.copyOf(files);
  }

  /** Its sizes. */
  public Gpt2Config config() {
    return config;
  }

  /**
   * The width of the activations at {@code hook}.
   *
   * @throws IllegalArgumentException if the model has no such layer
   */
  public int width(HookPoint hook) {
    if (hook.layer() >= config.layers()) {
      throw new IllegalArgumentException(
          "hook %s: layer %d (expected: below the model's %d)"
              .formatted(hook, hook.layer(), config.layers()));
    }
    return hook.location() == HookLocation.MLP_POST ? config.innerWidth() : config.width();
  }

  /**
   * Checks that the model takes sequences of this length.
   *
   * @throws IllegalArgumentException if it does not
   */
  public void requireContextLength(int contextLength) {
    if (contextLength < 1 || contextLength > config.positions()) {
      throw new IllegalArgumentException(
          "context length: %d (expected: 1 to the model's %d positions)"
              .formatted(contextLength, config.positions()));
    }
  }

  /**
   * Runs the model up to the last of {@code hooks} and returns what is seen at each.
   *
   * @param tokens [S, L], row-major; the sequences do not see each other
   * @param contextLength L
   * @return for each hook [S, L, width], row-major
   * @throws IllegalArgumentException if a hook, the context length or a token id is not the
   *     model's, or a result would not fit an array
   */
  public Map<HookPoint, float[]> activations(
      int[] tokens, int contextLength, List<HookPoint> hooks) {
    if (hooks.isEmpty()) {
      throw new IllegalArgumentException("hooks: none (expected: at least one)");
    }
    for (HookPoint hook : hooks) {
      if ((long) tokens.length * width(hook) > Integer.MAX_VALUE - 8) {
        throw new IllegalArgumentException(
            "batch of %d tokens: too large for hook %s of width %d (expected: at most %d tokens)"
                .formatted(
                    tokens.length, hook, width(hook), (Integer.MAX_VALUE - 8) / width(hook)));
      }
    }
    HookReader reader = new HookReader(hooks);
    Tensor left = run(tokens, contextLength, reader);
    if (left != null) {
      left.close();
    }
    return reader.activations();
  }

  /**
   * What leaves the final norm.
   *
   * @param tokens [L], one sequence
   * @return [L, width], row-major
   */
  public float[] finalStates(int[] tokens) {
    try (Tensor normed = finalNorm(tokens)) {
      float[] values = new float[Math.multiplyExact(tokens.length, config.width())];
      normed.copyTo(values);
      return values;
    }
  }

  /**
   * The scores of every token id to come next. The output matrix is the input's.
   *
   * @param tokens [L], one sequence
   * @return [vocabulary]
   */
  public float[] logits(int[] tokens) {
    try (Tensor normed = finalNorm(tokens);
        Tensor logits = call("logits", normed, embeddings.get(0))) {
      float[] values = new float[config.vocabularySize()];
      logits.copyTo(values);
      return values;
    }
  }

  @Override
  public void close() {
    blocks.forEach(BlockWeights::close);
    embeddings.forEach(Tensor::close);
    finalNorm.forEach(Tensor::close);
    script.close();
  }

  private void load(Gpt2Weights weights) throws ModelException {
    long width = config.width();
    long vocabulary = config.vocabularySize();
    long positions = config.positions();
    embeddings.add(engine.floats(weights.read("wte.weight", vocabulary, width), vocabulary, width));
    embeddings.add(engine.floats(weights.read("wpe.weight", positions, width), positions, width));
    for (int layer = 0; layer < config.layers(); layer++) {
      blocks.add(BlockWeights.load(weights, config, layer, engine, script));
    }
    finalNorm.add(engine.floats(weights.read("ln_f.weight", width), width));
    finalNorm.add(engine.floats(weights.read("ln_f.bias", width), width));
  }

  private Tensor finalNorm(int[] tokens) {
    Tensor residual = run(tokens, tokens.length, HookReader.none());
    if (residual == null) {
      throw new IllegalStateException("a pass without hooks goes through all blocks");
    }
    try (residual) {
      return call("final", residual, finalNorm.get(0), finalNorm.get(1), config.layerNormEpsilon());
    }
  }

  /** The residual stream after the last block, or null if the reader was done before. */
  private @Nullable Tensor run(int[] tokens, int contextLength, HookReader reader) {
    Tensor residual = embed(tokens, contextLength);
    for (int layer = 0; layer < config.layers() && residual != null; layer++) {
      try (Tensor before = residual) {
        residual = block(layer, before, reader);
      }
    }
    return residual;
  }

  private Tensor embed(int[] tokens, int contextLength) {
    requireContextLength(contextLength);
    if (tokens.length == 0 || tokens.length % contextLength != 0) {
      throw new IllegalArgumentException(
          "tokens: %d (expected: a positive multiple of the context length %d)"
              .formatted(tokens.length, contextLength));
    }
    long[] ids = new long[tokens.length];
    for (int i = 0; i < ids.length; i++) {
      if (tokens[i] < 0 || tokens[i] >= config.vocabularySize()) {
        throw new IllegalArgumentException(
            "token id: %d at %d (expected: below the vocabulary size %d)"
                .formatted(tokens[i], i, config.vocabularySize()));
      }
      ids[i] = tokens[i];
    }
    try (Tensor indices = engine.longs(ids, ids.length / contextLength, contextLength)) {
      return call("embed", indices, embeddings.get(0), embeddings.get(1));
    }
  }

  /** The residual stream as it leaves the block, or null if the reader was done before. */
  private @Nullable Tensor block(int layer, Tensor residual, HookReader reader) {
    List<Tensor> weights = blocks.get(layer).tensors();
    double epsilon = config.layerNormEpsilon();
    if (reader.read(layer, HookLocation.RESID_PRE, residual)) {
      return null;
    }
    try (Tensor attention = call("attn_out", residual, weights, config.heads(), epsilon)) {
      if (reader.read(layer, HookLocation.ATTN_OUT, attention)) {
        return null;
      }
      try (Tensor middle = call("sum", residual, attention)) {
        if (reader.read(layer, HookLocation.RESID_MID, middle)) {
          return null;
        }
        Tensor mlp = mlp(layer, middle, reader);
        if (mlp == null) {
          return null;
        }
        try (mlp) {
          Tensor after = call("sum", middle, mlp);
          if (reader.read(layer, HookLocation.RESID_POST, after)) {
            after.close();
            return null;
          }
          return after;
        }
      }
    }
  }

  private @Nullable Tensor mlp(int layer, Tensor middle, HookReader reader) {
    List<Tensor> weights = blocks.get(layer).tensors();
    try (Tensor hidden = call("mlp_post", middle, weights, config.layerNormEpsilon())) {
      if (reader.read(layer, HookLocation.MLP_POST, hidden)) {
        return null;
      }
      Tensor out = call("mlp_out", hidden, weights);
      if (reader.read(layer, HookLocation.MLP_OUT, out)) {
        out.close();
        return null;
      }
      return out;
    }
  }

  private Tensor call(String method, Object... arguments) {
    return script.call(method, arguments).get(0);
  }
}
