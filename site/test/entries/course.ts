import { type GradedExercise, type GradedLesson, gradeEach } from "@gradus/notebook/grade";

/** All exercises of a lesson in one jail, by the code that grades submissions. */
export default ({ exercises, ...lesson }: GradedLesson & { exercises: readonly GradedExercise[] }, seal: () => void) =>
  gradeEach(lesson, exercises, seal);
