import { ArgumentError } from "@gradus/tensor";
import { Random } from "../random.ts";

/** Mean rides an hour by the hour of the day: registered people ride to work and back, casual ones in the afternoon. */
const commuting = [27, 12, 6, 4, 5, 22, 92, 262, 430, 205, 97, 113, 150, 146, 128, 144, 230, 445, 420, 290, 206, 151, 112, 71];
const leisure = [72, 55, 40, 18, 6, 8, 15, 36, 86, 124, 173, 203, 234, 230, 220, 218, 220, 210, 193, 165, 128, 103, 88, 66];
const strolling = [12, 8, 6, 4, 2, 2, 4, 10, 22, 44, 76, 104, 124, 136, 140, 136, 128, 112, 84, 66, 48, 36, 28, 19];

/** Mean temperature of each month, °C. */
const warmth = [9.5, 11.5, 15.5, 18.5, 22.5, 27, 31, 29.5, 25.5, 20.5, 15, 13];

const holidays = new Set(["01-01", "01-16", "02-19", "04-16", "05-28", "07-04", "09-03", "10-08", "11-11", "11-12"]);

export interface BikeOptions {
  readonly seed?: number;
  /** Days of each month, from the first. Default 19. */
  readonly days?: number;
}

/**
 * A made-up table of a city's hire bikes, an hour a line, as CSV text with ";": datetime; season (1 winter to 4 autumn); holiday;
 * workingday; weather (1 clear to 4 storm); temp and atemp (felt), °C; humidity, %, missing in one of a hundred lines; windspeed,
 * km/h; casual, registered, and count, their sum. Two years; columns and habits are those of the bike-sharing data of Washington
 * (Fanaee-T and Gama 2014), the numbers are not.
 * @example
 * const bikes = await readTable(bikeRentals({ days: 2 }), { separator: ";" });
 * bikes.head(5)
 */
export function bikeRentals({ seed = 1, days = 19 }: BikeOptions = {}): string {
  if (!Number.isInteger(days) || days < 1 || days > 28) throw new ArgumentError("bikeRentals", `days is ${days}`, "Give 1 to 28");
  const random = new Random(seed);
  const lines = ["datetime;season;holiday;workingday;weather;temp;atemp;humidity;windspeed;casual;registered;count"];
  let weather = 1;
  for (const year of [2011, 2012])
    for (let month = 1; month <= 12; month++) {
      let spell = 4 * random.normal();
      for (let day = 1; day <= days; day++) {
        const date = `${year}-${pad(month)}-${pad(day)}`;
        const weekday = new Date(`${date}T00:00:00Z`).getUTCDay();
        const holiday = holidays.has(date.slice(5));
        const working = weekday > 0 && weekday < 6 && !holiday;
        spell = 0.7 * spell + 2.4 * random.normal();
        for (let hour = 0; hour < 24; hour++) {
          weather = nextWeather(weather, random.uniform());
          const sun = Math.cos((2 * Math.PI * (hour - 15)) / 24);
          const temp = clamp(warmth[month - 1]! + spell + 3.6 * sun - 1.2 * (weather - 1) + 0.5 * random.normal(), 0.5, 41);
          const humidity = clamp(66 - 13 * sun + 11 * (weather - 1) - 0.4 * spell + 8 * random.normal(), 8, 100);
          const windspeed = clamp(12.8 + 6 * random.normal() + 2 * sun, 0, 57);
          // Pleasant hours bring riders; rain, cold and great heat keep them away. The second year has more bikes.
          const comfort = Math.exp(-(((temp - 27) / 15) ** 2)) * [1.12, 1, 0.55, 0.3][weather - 1]!;
          const growth = (year === 2011 ? 0.78 : 1.28) * (1 + 0.012 * (month - 6));
          const noise = () => Math.exp(0.22 * random.normal());
          const registered = Math.round(growth * (0.5 + 0.62 * comfort) * noise() * (working ? commuting : leisure)[hour]!);
          const casual = Math.round(growth * (0.1 + 1.25 * comfort) * noise() * strolling[hour]! * (working ? 0.36 : 1.1));
          const felt = temp + 0.1 * (humidity - 40) * (temp > 20 ? 0.6 : 0.15) - 0.12 * windspeed + 3;
          lines.push(
            [
              `${date} ${pad(hour)}:00:00`,
              ...[Math.floor((month % 12) / 3) + 1, Number(holiday), Number(working), weather],
              ...[temp.toFixed(2), felt.toFixed(2), random.uniform() < 0.01 ? "" : Math.round(humidity), windspeed.toFixed(2)],
              ...[casual, registered, casual + registered],
            ].join(";"),
          );
        }
      }
    }
  return `${lines.join("\n")}\n`;
}

const pad = (n: number): string => String(n).padStart(2, "0");
const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

/** Clear hours follow clear ones; storms are rare and short. */
function nextWeather(now: number, u: number): number {
  if (u < 0.86) return now === 4 ? 3 : now;
  if (u < 0.94) return 1;
  if (u < 0.982) return 2;
  return u < 0.9995 ? 3 : 4;
}
