// Before each test of the repository (vitest.config.ts): without a seed of its own a network begins at the same weights
// in every run, so that what failed once fails again.
import { beforeEach } from "vitest";
import { setRandomSeed } from "../src/seed.ts";

beforeEach(() => setRandomSeed(0));
