import { testLessons } from "./lessons.ts";

await testLessons({ first: 0, every: 2 });
