import { testLessons } from "./lessons.ts";

await testLessons({ first: 1, every: 2 });
