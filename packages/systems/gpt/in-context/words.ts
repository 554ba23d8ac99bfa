/** Everyday words of six to twelve letters, to scramble. */
export const words: readonly string[] = `
ability absence academy account achieve address advance adventure airport algebra almond alphabet amazing analysis ancient animal answer
anybody apartment appetite approach apricot article artist athlete attempt audience author autumn average balance balcony bandage banking
barrier basket battery beautiful because bedroom believe benefit between bicycle biology birthday biscuit blanket blossom bottle bottom
bracket branch breakfast breathe bridge bright broken brother bucket budget builder business butter button cabinet camera candle captain
capture carbon careful carpet carrier castle category ceiling celebrate central century certain chapter charity cheese chemical chicken
children chimney circle citizen climate closet clothes cluster coconut coffee collect college colour comfort command company compare
compass complete computer concert conclude condition connect consider contain content contrast control corner correct cottage cotton
counter country courage cousin create creature culture curious current curtain custom customer damage danger daughter decade decide
decision declare degree deliver density depend describe desert design desktop develop device dialogue diamond digital dinner direct
discover distance doctor dollar dolphin domestic double dragon drawing drawer during eastern economy editor education effort electric
elephant elevator emotion emperor engine engineer enough entrance envelope equation evening example exchange exciting exercise expand
expert explain explore express extreme factory familiar family famous farmer fashion father feather feature festival fiction figure finger
finish flight flower follow foreign forest forget formal fortune forward fountain fraction freedom freight frozen function furniture
gallery garage garden gather general gentle geography giraffe glacier global golden gradual grammar graphic gravity grocery ground growth
guitar habitat hammer handle happen harbour harvest health heaven helmet history holiday honest horizon hospital hundred hunter husband
iceberg imagine improve include indoor industry insect inside instead integer interest invent island jacket journal journey jungle justice
kangaroo keyboard kingdom kitchen knowledge ladder language laptop laughter lawyer leader leather lecture lesson letter library licence
lightning limited liquid listen little lobster local logical lottery luggage machine magazine magnet manager manner marble margin market
master material measure mechanic medicine member memory mention message method middle million mineral minister minute mirror mistake
mixture modern moment monkey monster morning mother motion mountain movement muscle museum mushroom musical mystery narrow nation nature
neither network neutral nobody normal northern nothing notice number object observe obvious ocean office officer online opening opinion
orange orchard ordinary organic original outside package painter palace paper parade parent partner passage passenger patient pattern
payment peaceful pencil penguin pepper perfect perform perhaps period person picture pillow planet plastic platform player pleasure pocket
poetry police politics popular portrait position possible postcard potato powder practice predict prepare present pressure pretty prevent
primary prince printer private problem process produce product profile program project promise protect protein provide public purchase
purple puzzle pyramid quality quantity quarter question quickly quiet rabbit railway random rapidly reaction reader reason receive recipe
record reduce reflect region regular remember remove repair repeat replace report rescue research reserve respect result return reward
rhythm ribbon river rocket rotate salad sample sandwich satellite saucer school science scissors season second secret section senior
sentence separate serious servant several shadow shallow shelter shoulder signal silence silver similar simple single sister sketch
society soldier solution somebody southern spider spirit spring square station statue steady stomach storage stranger strategy stream
street strong student subject success sudden sugar summer sunlight supper support surface surprise survey symbol system talent teacher
telephone temple tennis texture theatre theory thermal thought thread thunder ticket tissue together tomato tongue tourist tower traffic
training transfer travel treasure triangle trouble tunnel turtle twelve typical umbrella uncle uniform universe unusual useful vacation
valley vanilla variety vegetable vehicle velvet version victory village violin visible visitor volcano volume voyage walnut warning
weather wedding weekend welcome western whisper whistle window winner winter wisdom without wonder wooden worker workshop writer yellow
yesterday
`
  .trim()
  .split(/\s+/);
