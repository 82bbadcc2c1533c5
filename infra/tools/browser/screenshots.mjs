export async function walk() { return { pages: 0, pictures: 0 }; }
